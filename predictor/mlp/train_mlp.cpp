#include "predictor/mlp/train_mlp.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "predictor/mlp/net_samples.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"

namespace prophet {
namespace {

constexpr std::size_t sequences_for_one_held_out = 16;

/// The training sequences, drawn in two parts.
struct Parts {
  std::vector<TrainingSequence> learnt;
  std::vector<TrainingSequence> held_out;
};

Parts draw_parts(const TrainingSet& training, const MlpTraining& options) {
  std::vector<TrainingSequence> order(training.sequences().begin(), training.sequences().end());
  Random random(options.net.seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Parts parts;
  std::uint64_t tokens = 0;
  for (std::size_t i = 0; i < order.size() && tokens < options.tokens_max; ++i) {
    tokens += order[i].tokens;
    const bool held_out = i % sequences_for_one_held_out == 1;
    (held_out ? parts.held_out : parts.learnt).push_back(order[i]);
  }
  return parts;
}

void store(const LearntNet& net, std::size_t number, MlpModel& model) {
  const MlpShape& shape = model.shape;
  const std::size_t hidden = shape.hidden;
  const std::size_t experts = shape.grid.experts;
  const std::size_t w1 = number * net.w1.size();
  const std::size_t w2 = number * net.w2.size();
  for (std::size_t i = 0; i < net.w1.size(); ++i)
    kernels::store_as(model.w1.data(), w1 + i, kernels::FloatFormat::bf16, net.w1[i]);
  for (std::size_t j = 0; j < hidden; ++j) {
    for (std::size_t e = 0; e < experts; ++e)
      kernels::store_as(model.w2.data(), w2 + e * hidden + j, kernels::FloatFormat::bf16,
                        net.w2[j * experts + e]);
  }
  std::copy(net.b1.begin(), net.b1.end(), model.b1.begin() + static_cast<std::ptrdiff_t>(number * hidden));
  std::copy(net.b2.begin(), net.b2.end(), model.b2.begin() + static_cast<std::ptrdiff_t>(number * experts));
}

/// Layers are taken by whichever thread is free; what a net becomes depends on its number alone.
class Trainer {
 public:
  Trainer(const TrainingSet& training, const MlpTraining& options, const TrainingProgress& progress,
          MlpModel& model)
      : training_(training),
        options_(options),
        progress_(progress),
        model_(model),
        parts_(draw_parts(training, options)) {}

  void run() {
    std::vector<std::thread> threads;
    for (std::uint32_t t = 1; t < options_.threads; ++t) threads.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() noexcept {
    try {
      for (std::uint32_t l = next_++; l < model_.shape.grid.layers; l = next_++) train_layer(LayerId{l});
    } catch (...) {
      const std::lock_guard lock(telling_);
      failure_ = std::current_exception();
      next_ = model_.shape.grid.layers;
    }
  }

  void train_layer(LayerId layer) {
    const auto learnt = net_samples(model_.shape, layer, training_, parts_.learnt);
    const auto held_out = net_samples(model_.shape, layer, training_, parts_.held_out);
    for (std::uint32_t ahead = 1; ahead <= model_.shape.lookahead_layers; ++ahead) {
      const std::size_t number = mlp_net(model_.shape, layer, ahead);
      NetOptions net = options_.net;
      net.seed = options_.net.seed * 1000003 + number;
      if (learnt[ahead - 1].size() != 0)
        store(train_net(model_.shape, learnt[ahead - 1], held_out[ahead - 1], net), number, model_);
      const std::lock_guard lock(telling_);
      if (progress_) progress_(++done_, static_cast<std::uint32_t>(model_.shape.nets()));
    }
  }

  const TrainingSet& training_;
  const MlpTraining& options_;
  const TrainingProgress& progress_;
  MlpModel& model_;
  Parts parts_;
  std::atomic<std::uint32_t> next_{0};
  std::mutex telling_;
  std::uint32_t done_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

MlpModel train_mlp(const TrainingSet& training, const MlpTraining& options,
                   const TrainingProgress& progress) {
  if (options.net.epochs == 0 || options.threads == 0) {
    throw Error(ErrorCode::usage, "training of a learned predictor: 0 epochs or threads, expected 1 or more");
  }
  const TraceShape& shape = training.shape();
  MlpShape planned = plan_mlp(shape.grid, shape.top_k, options.wish, options.parameters_max);
  check_mlp_shape(planned, "");
  MlpModel model = empty_mlp_model(std::move(planned));
  Trainer(training, options, progress, model).run();
  return model;
}

MlpModel learn_mlp(const TrainingSet& training, std::uint64_t seed, const TrainingProgress& progress) {
  MlpTraining options;
  options.parameters_max -= use_model_share(training.shape().grid);
  options.net.seed = seed;
  options.threads = std::max(1U, std::thread::hardware_concurrency());
  return train_mlp(training, options, progress);
}

}  // namespace prophet
