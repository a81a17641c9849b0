#include "predictor/train_use_hidden.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "predictor/logistic_fit.hpp"
#include "predictor/mlp/descent.hpp"
#include "predictor/mlp/learnt.hpp"
#include "predictor/use_outcomes.hpp"
#include "runtime/base/random.hpp"

namespace prophet {
namespace {

constexpr std::size_t batch_tokens = 128;
constexpr float learning_rate = 0.004F;  ///< Adam's at first; it falls to the last share of it in a line
constexpr double last_rate = 0.03;
constexpr double mean_kept = 0.9;  ///< as descent::adam has it
constexpr float square_kept = 0.99F;
constexpr float hidden_decay = 0.4F;  ///< of w1 and w2, a step, times the learning rate
constexpr float matrix_decay = 0.5F;
/// Of what the features of the drawn tokens may take while a layer learns.
constexpr std::size_t features_bytes_max = 256UL << 20;
constexpr float inputs_left_out = 0.3F;  ///< by chance, while it learns
constexpr float units_left_out = 0.4F;
constexpr float first_w2 = 0.05F;
/// Of a large training set so many tokens are taken that each of them still teaches three times.
constexpr std::uint64_t epochs_min = 3;

struct TaughtToken {
  std::uint32_t sequence;
  std::uint32_t token;  ///< of the sequence
};

/// Whole sequences, drawn until there are enough tokens; a sequence's last token teaches nothing.
std::vector<TaughtToken> draw_tokens(const TrainingSet& training, std::uint64_t tokens_max, Random& random) {
  std::vector<std::uint32_t> order(training.sequences().size());
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  std::vector<TaughtToken> drawn;
  for (std::size_t i = 0; i < order.size() && drawn.size() < tokens_max; ++i) {
    for (std::uint32_t t = 0; t + 1 < training.sequences()[order[i]].tokens; ++t)
      drawn.push_back({order[i], t});
  }
  return drawn;
}

std::uint64_t tokens_within(const UseTraining& options, std::uint32_t experts) {
  return std::min<std::uint64_t>(options.hidden_passes_max / epochs_min,
                                 features_bytes_max / (experts * sizeof(UseFeatures)));
}

std::uint64_t epochs_of(const UseTraining& options, std::size_t tokens) {
  const std::uint64_t bounded = options.hidden_passes_max / std::max<std::uint64_t>(1, tokens);
  return std::min<std::uint64_t>(options.hidden_epochs, std::max(epochs_min, bounded));
}

/// One layer's part of numbers that all layers have.
std::span<float> part_of(std::vector<float>& values, const ExpertGrid& grid, LayerId layer) {
  const std::size_t a_layer = values.size() / grid.layers;
  return std::span(values).subspan(layer.index() * a_layer, a_layer);
}

class HiddenTraining {
 public:
  HiddenTraining(const TrainingSet& training, const UseTraining& options, LayerId layer, UseModel& model)
      : training_(training),
        layer_(layer),
        model_(model),
        random_(options.seed * 1000003 + layer.value),
        tokens_(draw_tokens(training, tokens_within(options, model.grid.experts), random_)),
        epochs_(epochs_of(options, tokens_.size())),
        values_(2 * std::size_t{model.grid.experts}),
        bias_(values_),
        weights_(values_of(model.weights[layer.index()])),
        matrix_(part_of(model.matrix, model.grid, layer)),
        w1_(part_of(model.hidden.w1, model.grid, layer)),
        b1_(part_of(model.hidden.b1, model.grid, layer)),
        w2_(part_of(model.hidden.w2, model.grid, layer)),
        learnt_bias_(bias_),
        learnt_weights_(weights_),
        learnt_matrix_(matrix_),
        learnt_w1_(w1_),
        learnt_b1_(b1_),
        learnt_w2_(w2_),
        odds_(values_),
        units_(model.hidden.units),
        unit_errors_(model.hidden.units),
        outcomes_(training, layer, options.later_tokens),
        chosen_(model.top_k) {
    const auto ids = static_cast<float>(UseHidden::lags * model.grid.layers * model.top_k);
    for (float& weight : w1_) weight = std::sqrt(2.0F / ids) * draw_normal(random_);
    for (float& weight : w2_) weight = first_w2 * draw_normal(random_);
    read_features();
  }

  void run() {
    std::vector<std::uint32_t> order(tokens_.size());
    std::iota(order.begin(), order.end(), 0U);
    const std::uint64_t batches = (order.size() + batch_tokens - 1) / batch_tokens;
    for (std::uint64_t epoch = 0; epoch < epochs_; ++epoch) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
      for (std::uint64_t batch = 0; batch < batches; ++batch) {
        const std::size_t first = batch * batch_tokens;
        const std::size_t count = std::min(batch_tokens, order.size() - first);
        for (std::size_t i = 0; i < count; ++i) learn(order[first + i], 1.0F / static_cast<float>(count));
        step(epoch * batches + batch, epochs_ * batches);
      }
    }
    model_.weights[layer_.index()] = weights();
    for (std::uint32_t e = 0; e < model_.grid.experts; ++e)
      model_.bias[model_.grid.index(layer_, ExpertId{e}).index()] = {bias_[e],
                                                                     bias_[model_.grid.experts + e]};
  }

 private:
  static std::vector<float> values_of(const UseWeights& weights) {
    std::vector<float> values(weights.next.begin(), weights.next.end());
    values.insert(values.end(), weights.later.begin(), weights.later.end());
    return values;
  }
  [[nodiscard]] UseWeights weights() const {
    UseWeights weights;
    std::copy_n(weights_.begin(), use_features, weights.next.begin());
    std::copy_n(weights_.begin() + use_features, use_features, weights.later.begin());
    return weights;
  }

  /// Those of each token, into features_.
  void read_features() {
    const std::uint32_t experts = model_.grid.experts;
    features_.reserve(tokens_.size() * experts);
    LayerUses uses(experts);
    for (const TaughtToken& taught : tokens_) {
      if (taught.token == 0) uses.forget();
      training_.choices(row_of(taught), layer_, chosen_);
      uses.add(chosen_);
      for (std::uint32_t e = 0; e < experts; ++e) {
        const float popularity = model_.popularity[model_.grid.index(layer_, ExpertId{e}).index()];
        features_.push_back(uses.features(ExpertId{e}, popularity));
      }
    }
  }

  [[nodiscard]] std::uint64_t row_of(const TaughtToken& taught) const {
    return training_.sequences()[taught.sequence].first_row + taught.token;
  }

  /// Adds one token's part of the gradients.
  void learn(std::uint32_t taught, float share) {
    draw_inputs(tokens_[taught]);
    pass_forward(taught);
    outcomes_.look(training_.sequences()[tokens_[taught].sequence], row_of(tokens_[taught]));
    const std::uint32_t experts = model_.grid.experts;
    for (std::uint32_t e = 0; e < experts; ++e) {
      odds_[e] = share * (logistic(odds_[e]) - outcomes_.next[e]);
      odds_[experts + e] = share * (logistic(odds_[experts + e]) - outcomes_.later[e]);
    }
    pass_back(taught);
  }

  /// What is known when the layer has just run, as UseEstimator knows it: the layers behind it are still
  /// those of the token before.
  void draw_inputs(const TaughtToken& taught) {
    constexpr float scale = 1.0F / (1.0F - inputs_left_out);
    inputs_.clear();
    for (std::uint32_t lag = 0; lag < UseHidden::lags; ++lag) {
      for (std::uint32_t source = 0; source < model_.grid.layers; ++source) {
        const std::uint32_t back = lag + (source > layer_.value ? 1U : 0U);
        if (back > taught.token) continue;
        training_.choices(row_of(taught) - back, LayerId{source}, chosen_);
        name_use_inputs(model_.grid, lag, LayerId{source}, chosen_, [&](std::size_t input, float value) {
          if (!random_.chance(inputs_left_out)) inputs_.push_back({input, scale * value});
        });
      }
    }
  }

  void pass_forward(std::uint32_t taught) {
    constexpr float scale = 1.0F / (1.0F - units_left_out);
    const std::uint32_t experts = model_.grid.experts;
    const UseWeights by = weights();
    for (std::uint32_t e = 0; e < experts; ++e) {
      const UseFeatures& x = features_[std::size_t{taught} * experts + e];
      odds_[e] = weigh(by.next, x) + bias_[e];
      odds_[experts + e] = weigh(by.later, x) + bias_[experts + e];
    }
    std::copy(b1_.begin(), b1_.end(), units_.begin());
    for (const Input& input : inputs_) {
      descent::add(units_.data(), w1_.data() + input.number * units_.size(), input.value, units_.size());
      if (is_of_matrix(input))
        descent::add(odds_.data(), matrix_.data() + input.number * values_, input.value, values_);
    }
    for (std::size_t j = 0; j < units_.size(); ++j) {
      const bool is_active = units_[j] > 0 && !random_.chance(units_left_out);
      units_[j] = is_active ? scale * units_[j] : 0.0F;
      if (is_active) descent::add(odds_.data(), w2_.data() + j * values_, units_[j], values_);
    }
  }

  /// odds_ are errors by now.
  void pass_back(std::uint32_t taught) {
    constexpr float scale = 1.0F / (1.0F - units_left_out);
    descent::add(learnt_bias_.gradient.data(), odds_.data(), 1.0F, values_);
    const std::uint32_t experts = model_.grid.experts;
    for (std::uint32_t e = 0; e < experts; ++e) {
      const UseFeatures& x = features_[std::size_t{taught} * experts + e];
      descent::add(learnt_weights_.gradient.data(), x.data(), odds_[e], use_features);
      descent::add(learnt_weights_.gradient.data() + use_features, x.data(), odds_[experts + e],
                   use_features);
    }
    for (std::size_t j = 0; j < units_.size(); ++j) {
      unit_errors_[j] = 0;
      if (!(units_[j] > 0)) continue;
      unit_errors_[j] = scale * descent::dot(w2_.data() + j * values_, odds_.data(), values_);
      descent::add(learnt_w2_.gradient.data() + j * values_, odds_.data(), units_[j], values_);
    }
    descent::add(learnt_b1_.gradient.data(), unit_errors_.data(), 1.0F, units_.size());
    for (const Input& input : inputs_) {
      descent::add(learnt_w1_.gradient.data() + input.number * units_.size(), unit_errors_.data(),
                   input.value, units_.size());
      if (is_of_matrix(input))
        descent::add(learnt_matrix_.gradient.data() + input.number * values_, odds_.data(), input.value,
                     values_);
    }
  }

  void step(std::uint64_t done, std::uint64_t in_all) {
    const double rate =
        learning_rate * std::max(last_rate, 1.0 - static_cast<double>(done) / static_cast<double>(in_all));
    const auto steps = static_cast<double>(done + 1);
    descent::AdamStep by;
    by.square_kept = square_kept;
    by.mean_rate = static_cast<float>(rate / (1 - std::pow(mean_kept, steps)));
    by.square_scale = static_cast<float>(1 / (1 - std::pow(double{square_kept}, steps)));
    for (Learnt* part : {&learnt_bias_, &learnt_weights_, &learnt_b1_}) part->step(by);
    by.shrink = static_cast<float>(rate) * hidden_decay;
    for (Learnt* part : {&learnt_w1_, &learnt_w2_}) part->step(by);
    by.shrink = static_cast<float>(rate) * matrix_decay;
    learnt_matrix_.step(by);
  }

  struct Input {
    std::size_t number;
    float value;
  };
  /// The latest choices speak for themselves, too.
  [[nodiscard]] bool is_of_matrix(const Input& input) const noexcept {
    return input.number < model_.grid.size();
  }

  const TrainingSet& training_;
  LayerId layer_;
  UseModel& model_;
  Random random_;
  std::vector<TaughtToken> tokens_;  ///< each sequence's one behind the other
  std::uint64_t epochs_;
  std::size_t values_;                 ///< two for each expert of the layer
  std::vector<UseFeatures> features_;  ///< [tokens, experts]
  std::vector<float> bias_;            ///< [values]
  std::vector<float> weights_;         ///< [2, features]
  std::span<float> matrix_;            ///< [layers, experts, values]: the inputs of lag 0
  std::span<float> w1_;                ///< [inputs, units]
  std::span<float> b1_;                ///< [units]
  std::span<float> w2_;                ///< [units, values]
  Learnt learnt_bias_;
  Learnt learnt_weights_;
  Learnt learnt_matrix_;
  Learnt learnt_w1_;
  Learnt learnt_b1_;
  Learnt learnt_w2_;
  std::vector<Input> inputs_;       ///< of the token, without those left out
  std::vector<float> odds_;         ///< [values]
  std::vector<float> units_;        ///< [units]; 0: not active
  std::vector<float> unit_errors_;  ///< [units]
  UseOutcomes outcomes_;
  std::vector<ExpertId> chosen_;
};

}  // namespace

void train_use_hidden(const TrainingSet& training, const UseTraining& options, LayerId layer,
                      UseModel& model) {
  HiddenTraining(training, options, layer, model).run();
}

}  // namespace prophet
