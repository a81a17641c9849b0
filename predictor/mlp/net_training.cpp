#include "predictor/mlp/net_training.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "kernels/predictor_value.hpp"
#include "predictor/mlp/descent.hpp"
#include "predictor/mlp/learnt.hpp"
#include "runtime/base/random.hpp"

namespace prophet {
namespace {

constexpr std::size_t batch_samples = 64;
constexpr std::uint64_t warm_up_steps = 100;  ///< in which the learning rate grows from 0
constexpr double mean_kept = 0.9;             ///< as descent::adam has them
constexpr double square_kept = 0.999;

LearntNet first_net(const MlpShape& shape, const NetSamples& samples, Random& random) {
  LearntNet net;
  net.w1.resize(shape.inputs() * shape.hidden);
  net.b1.resize(shape.hidden);
  net.w2.resize(std::size_t{shape.grid.experts} * shape.hidden);
  net.b2.resize(shape.grid.experts);
  const double ids = static_cast<double>(samples.rows.size()) / static_cast<double>(samples.size());
  const auto of_rows = static_cast<float>(1 / std::sqrt(std::max(1.0, ids)));
  const auto of_units = static_cast<float>(0.5 / std::sqrt(static_cast<double>(shape.hidden)));
  for (float& weight : net.w1) weight = of_rows * draw_normal(random);
  for (float& weight : net.w2) weight = of_units * draw_normal(random);
  // Where all experts are chosen there are no odds, and nothing to learn.
  const double odds = static_cast<double>(shape.top_k) / std::max(1U, shape.grid.experts - shape.top_k);
  std::fill(net.b2.begin(), net.b2.end(), static_cast<float>(std::log(odds)));
  return net;
}

/// What a net makes of one input.
struct Pass {
  explicit Pass(const MlpShape& shape) : units(shape.hidden), logits(shape.grid.experts) {}

  /// `scale` is for the rows, where the net has learnt with some of them left out.
  void run(const LearntNet& net, std::span<const std::uint16_t> rows, float scale) {
    std::copy(net.b1.begin(), net.b1.end(), units.begin());
    for (const std::uint16_t row : rows)
      descent::add(units.data(), net.w1.data() + row * units.size(), scale, units.size());
    std::copy(net.b2.begin(), net.b2.end(), logits.begin());
    for (std::size_t j = 0; j < units.size(); ++j) {
      units[j] = units[j] > 0 ? units[j] : 0.0F;
      if (units[j] > 0)
        descent::add(logits.data(), net.w2.data() + j * logits.size(), units[j], logits.size());
    }
  }

  std::vector<float> units;
  std::vector<float> logits;
};

double mean_loss(const MlpShape& shape, const LearntNet& net, const NetSamples& samples, float scale) {
  Pass pass(shape);
  double sum = 0;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    pass.run(net, samples.rows_of(s), scale);
    for (const float logit : pass.logits)
      sum += std::log1p(std::exp(-std::abs(double{logit}))) + std::max(0.0F, logit);
    for (std::size_t r = 0; r < shape.top_k; ++r) sum -= pass.logits[samples.came[s * shape.top_k + r]];
  }
  return samples.size() == 0 ? 0 : sum / static_cast<double>(samples.size());
}

class NetTraining {
 public:
  NetTraining(const MlpShape& shape, const NetSamples& samples, const NetOptions& options)
      : shape_(shape),
        samples_(samples),
        options_(options),
        random_(options.seed),
        net_(first_net(shape, samples, random_)),
        w1_(net_.w1),
        b1_(net_.b1),
        w2_(net_.w2),
        b2_(net_.b2),
        pass_(shape),
        unit_errors_(shape.hidden),
        order_(samples.size()) {
    std::iota(order_.begin(), order_.end(), 0U);
  }

  [[nodiscard]] const LearntNet& net() const noexcept { return net_; }
  [[nodiscard]] float scale() const noexcept { return static_cast<float>(1 - options_.dropout); }

  void run_epoch() {
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
    for (std::size_t first = 0; first < order_.size(); first += batch_samples) {
      const std::size_t count = std::min(batch_samples, order_.size() - first);
      for (std::size_t i = 0; i < count; ++i) learn(order_[first + i], 1.0F / static_cast<float>(count));
      step();
    }
  }

 private:
  /// Adds one sample's part of the gradient.
  void learn(std::size_t sample, float share) {
    draw_rows(sample);
    pass_.run(net_, rows_, 1.0F);
    for (float& logit : pass_.logits) logit = share * kernels::predictor_chance(logit);
    for (std::size_t r = 0; r < shape_.top_k; ++r)
      pass_.logits[samples_.came[sample * shape_.top_k + r]] -= share;
    const std::vector<float>& errors = pass_.logits;
    descent::add(b2_.gradient.data(), errors.data(), 1.0F, errors.size());
    for (std::size_t j = 0; j < unit_errors_.size(); ++j) {
      unit_errors_[j] = 0;
      if (!(pass_.units[j] > 0)) continue;
      const std::size_t row = j * errors.size();
      unit_errors_[j] = descent::dot(net_.w2.data() + row, errors.data(), errors.size());
      descent::add(w2_.gradient.data() + row, errors.data(), pass_.units[j], errors.size());
    }
    descent::add(b1_.gradient.data(), unit_errors_.data(), 1.0F, unit_errors_.size());
    for (const std::uint16_t row : rows_)
      descent::add(w1_.gradient.data() + row * unit_errors_.size(), unit_errors_.data(), 1.0F,
                   unit_errors_.size());
  }

  void draw_rows(std::size_t sample) {
    rows_.clear();
    for (const std::uint16_t row : samples_.rows_of(sample)) {
      if (!random_.chance(options_.dropout)) rows_.push_back(row);
    }
  }

  void step() {
    ++steps_;
    const auto steps_in_all =
        static_cast<double>((samples_.size() + batch_samples - 1) / batch_samples * options_.epochs);
    const auto done = static_cast<double>(steps_);
    double rate = options_.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done / steps_in_all));
    rate *= std::min(1.0, done / static_cast<double>(warm_up_steps));
    descent::AdamStep by{static_cast<float>(rate / (1 - std::pow(mean_kept, done))),
                         static_cast<float>(1 / (1 - std::pow(square_kept, done)))};
    for (Learnt* part : {&b1_, &b2_}) part->step(by);
    by.shrink = static_cast<float>(rate) * options_.weight_decay;
    for (Learnt* part : {&w1_, &w2_}) part->step(by);
  }

  const MlpShape& shape_;
  const NetSamples& samples_;
  NetOptions options_;
  Random random_;
  LearntNet net_;
  Learnt w1_;
  Learnt b1_;
  Learnt w2_;
  Learnt b2_;
  Pass pass_;
  std::vector<float> unit_errors_;    ///< [hidden]
  std::vector<std::uint16_t> rows_;   ///< of the sample, without those left out
  std::vector<std::uint32_t> order_;  ///< of the samples
  std::uint64_t steps_ = 0;
};

}  // namespace

LearntNet train_net(const MlpShape& shape, const NetSamples& samples, const NetSamples& held_out,
                    const NetOptions& options) {
  NetTraining training(shape, samples, options);
  LearntNet best = training.net();
  double least = 0;
  for (std::uint32_t epoch = 0; epoch < options.epochs; ++epoch) {
    training.run_epoch();
    const double loss = mean_loss(shape, training.net(), held_out, training.scale());
    if (epoch != 0 && held_out.size() != 0 && !(loss < least)) continue;
    least = loss;
    best = training.net();
  }
  for (float& weight : best.w1) weight *= training.scale();
  return best;
}

double cross_entropy(const MlpShape& shape, const LearntNet& net, const NetSamples& samples) {
  return mean_loss(shape, net, samples, 1.0F);
}

}  // namespace prophet
