#include "runtime/trace/synth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/base/random.hpp"

namespace prophet {
namespace {

using Expert = std::uint32_t;

template <class Value>
void check_bounds(std::string_view option, Value value, Value low, Value high) {
  if (value >= low && value <= high) return;  // false for NaN
  throw Error(ErrorCode::usage,
              fmt::format("synth option {} is {}, expected {} to {}", option, value, low, high));
}

void check_options(const SynthOptions& options) {
  check_bounds<std::uint32_t>("layers", options.layers, 1, limits::layers_max);
  check_bounds<std::uint32_t>("experts", options.experts, 1, limits::experts_per_layer_max);
  check_bounds<std::uint32_t>("top_k", options.top_k, 1, std::min(options.experts, limits::top_k_max));
  check_bounds<std::uint32_t>("sequences", options.sequences, 1, limits::sequences_max);
  check_bounds<std::uint32_t>("max_sequence_tokens", options.max_sequence_tokens, 1,
                              limits::synth_sequence_tokens_max);
  check_bounds<std::uint32_t>("mean_sequence_tokens", options.mean_sequence_tokens, 1,
                              options.max_sequence_tokens);
  check_bounds<std::uint32_t>("prefill_tokens", options.prefill_tokens, 0, limits::synth_sequence_tokens_max);
  check_bounds("zipf_exponent", options.zipf_exponent, 0.0, limits::synth_zipf_exponent_max);
  check_bounds("persistence", options.persistence, 0.0, 1.0);
  check_bounds("coupling", options.coupling, 0.0, 1.0);
  check_bounds("topic_fraction", options.topic_fraction, 0.0, 1.0);
  check_bounds("topic_strength", options.topic_strength, 0.0, 1.0);
  check_bounds("topic_drift", options.topic_drift, 0.0, 1.0);
}

std::vector<Expert> random_permutation(std::uint32_t size, Random& random) {
  std::vector<Expert> order(size);
  std::iota(order.begin(), order.end(), Expert{0});
  for (std::uint32_t left = size; left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
  return order;
}

/// Some of a layer's experts, with constant-time membership.
class ExpertSet {
 public:
  explicit ExpertSet(std::uint32_t experts) : member_(experts, false) {}

  [[nodiscard]] bool has(Expert expert) const { return member_[expert]; }
  [[nodiscard]] const std::vector<Expert>& list() const noexcept { return list_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(list_.size()); }
  void add(Expert expert) {
    member_[expert] = true;
    list_.push_back(expert);
  }
  void replace(std::size_t at, Expert by) {
    member_[list_[at]] = false;
    member_[by] = true;
    list_[at] = by;
  }
  void clear() {
    for (const Expert expert : list_) member_[expert] = false;
    list_.clear();
  }
  void shuffle(Random& random) {
    for (std::size_t left = list_.size(); left > 1; --left)
      std::swap(list_[left - 1], list_[random.below(left)]);
  }

 private:
  std::vector<bool> member_;
  std::vector<Expert> list_;
};

/// What is fixed for one layer of the trace.
class LayerModel {
 public:
  LayerModel(const SynthOptions& options, Random& random)
      : popularity_(options.experts), cumulative_(options.experts), successor_(options.experts) {
    const auto by_rank = random_permutation(options.experts, random);
    for (std::uint32_t rank = 0; rank < options.experts; ++rank) {
      popularity_[by_rank[rank]] = std::pow(static_cast<double>(rank) + 1, -options.zipf_exponent);
    }
    std::partial_sum(popularity_.begin(), popularity_.end(), cumulative_.begin());
    successor_ = random_permutation(options.experts, random);
  }

  [[nodiscard]] Expert successor(Expert expert) const { return successor_[expert]; }

  /// An expert outside `taken`, by popularity. REQUIRES: there is one.
  [[nodiscard]] Expert draw(const ExpertSet& taken, Random& random) const {
    constexpr int tries = 32;
    for (int i = 0; i < tries; ++i) {
      const double at = random.uniform() * cumulative_.back();
      const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, at);
      const auto expert = static_cast<Expert>(found - cumulative_.begin());
      if (!taken.has(expert)) return expert;
    }
    std::vector<Expert> free;
    for (Expert expert = 0; expert < popularity_.size(); ++expert) {
      if (!taken.has(expert)) free.push_back(expert);
    }
    return draw_among(free, random);
  }

  /// One of `candidates`, which are not empty, by popularity.
  [[nodiscard]] Expert draw_among(const std::vector<Expert>& candidates, Random& random) const {
    double sum = 0;
    for (const Expert expert : candidates) sum += popularity_[expert];
    double at = random.uniform() * sum;
    for (const Expert expert : candidates) {
      at -= popularity_[expert];
      if (at < 0) return expert;
    }
    return candidates.back();
  }

 private:
  std::vector<double> popularity_;
  std::vector<double> cumulative_;
  std::vector<Expert> successor_;
};

/// Draws the tokens of one sequence after the other.
class TokenSource {
 public:
  TokenSource(const SynthOptions& options, Random& random) : options_(options), random_(random) {
    for (std::uint32_t layer = 0; layer < options.layers; ++layer) layers_.emplace_back(options, random);
    chosen_.assign(options.layers, ExpertSet(options.experts));
    topics_.assign(options.layers, ExpertSet(options.experts));
  }

  void start_sequence() {
    const auto topic_size =
        static_cast<std::uint32_t>(std::lround(options_.topic_fraction * options_.experts));
    for (std::uint32_t layer = 0; layer < options_.layers; ++layer) {
      chosen_[layer].clear();
      topics_[layer].clear();
      while (topics_[layer].size() < topic_size)
        topics_[layer].add(layers_[layer].draw(topics_[layer], random_));
    }
  }

  /// Gives each (layer, chosen experts) of the next token to `take`.
  template <class Take>
  void next_token(Take&& take) {
    for (std::uint32_t layer = 0; layer < options_.layers; ++layer) {
      choose(layer);
      take(chosen_[layer].list());
      drift(layer);
    }
  }

 private:
  void choose(std::uint32_t layer) {
    previous_ = chosen_[layer].list();
    ExpertSet& chosen = chosen_[layer];
    chosen.clear();
    for (const Expert expert : previous_) {
      if (random_.chance(options_.persistence)) chosen.add(expert);
    }
    if (layer > 0) follow_layer_before(layer);
    while (chosen.size() < options_.top_k) chosen.add(draw_new(layer));
    chosen.shuffle(random_);
  }

  void follow_layer_before(std::uint32_t layer) {
    ExpertSet& chosen = chosen_[layer];
    const std::uint32_t empty = options_.top_k - chosen.size();
    candidates_.clear();
    for (const Expert before : chosen_[layer - 1].list()) {
      const Expert next = layers_[layer].successor(before);
      if (!chosen.has(next)) candidates_.push_back(next);
    }
    for (std::uint32_t place = 0; place < empty; ++place) {
      if (!random_.chance(options_.coupling) || candidates_.empty()) continue;
      std::swap(candidates_[random_.below(candidates_.size())], candidates_.back());
      chosen.add(candidates_.back());
      candidates_.pop_back();
    }
  }

  Expert draw_new(std::uint32_t layer) {
    const ExpertSet& chosen = chosen_[layer];
    if (random_.chance(options_.topic_strength)) {
      candidates_.clear();
      for (const Expert expert : topics_[layer].list()) {
        if (!chosen.has(expert)) candidates_.push_back(expert);
      }
      if (!candidates_.empty()) return layers_[layer].draw_among(candidates_, random_);
    }
    return layers_[layer].draw(chosen, random_);
  }

  void drift(std::uint32_t layer) {
    ExpertSet& topic = topics_[layer];
    if (topic.size() == options_.experts) return;
    for (std::size_t at = 0; at < topic.size(); ++at) {
      if (random_.chance(options_.topic_drift)) topic.replace(at, layers_[layer].draw(topic, random_));
    }
  }

  const SynthOptions& options_;
  Random& random_;
  std::vector<LayerModel> layers_;
  std::vector<ExpertSet> chosen_;
  std::vector<ExpertSet> topics_;
  std::vector<Expert> previous_;
  std::vector<Expert> candidates_;
};

std::uint32_t draw_length(const SynthOptions& options, Random& random) {
  if (options.mean_sequence_tokens == 1) return 1;
  const double more = std::log(1 - random.uniform()) / std::log(1 - 1.0 / options.mean_sequence_tokens);
  return static_cast<std::uint32_t>(
      std::min(1 + std::floor(more), static_cast<double>(options.max_sequence_tokens)));
}

std::vector<SequenceInfo> draw_sequences(const SynthOptions& options, Random& random) {
  std::vector<SequenceInfo> sequences;
  std::uint64_t tokens = 0;
  for (std::uint32_t i = 0; i < options.sequences; ++i) {
    SequenceInfo sequence;
    sequence.first_token = tokens;
    sequence.prefill_tokens = options.prefill_tokens;
    sequence.tokens = options.prefill_tokens + draw_length(options, random);
    sequence.flags = sequence_flags::finished;
    tokens += sequence.tokens;
    sequences.push_back(sequence);
  }
  return sequences;
}

/// Appends the weights of one token and layer, the largest first.
void draw_weights(std::uint32_t top_k, Random& random, std::vector<float>& weights) {
  std::vector<double> logits(top_k);
  for (double& logit : logits) logit = -std::log(1 - random.uniform());
  std::sort(logits.begin(), logits.end(), std::greater<>());
  double sum = 0;
  for (double& logit : logits) {
    logit = std::exp(logit);
    sum += logit;
  }
  for (const double part : logits) weights.push_back(static_cast<float>(part / sum));
}

std::string describe(const SynthOptions& options) {
  return fmt::format(
      "synthetic: drawn by prophet trace synth with layers={} experts={} top_k={} sequences={} "
      "mean_sequence_tokens={} "
      "max_sequence_tokens={} prefill_tokens={} zipf_exponent={} persistence={} coupling={} "
      "topic_fraction={} "
      "topic_strength={} topic_drift={} weights={} seed={}",
      options.layers, options.experts, options.top_k, options.sequences, options.mean_sequence_tokens,
      options.max_sequence_tokens, options.prefill_tokens, options.zipf_exponent, options.persistence,
      options.coupling, options.topic_fraction, options.topic_strength, options.topic_drift, options.weights,
      options.seed);
}

TraceProvenance provenance_of(const SynthOptions& options) {
  TraceProvenance provenance;
  provenance.model = options.model;
  provenance.source = "prophet trace synth";
  provenance.licence = "CC0-1.0";
  provenance.note = describe(options);
  provenance.synthetic = true;
  return provenance;
}

void check_size(const SynthOptions& options, std::uint64_t tokens, std::uint64_t id_bytes) {
  const std::uint64_t row = std::uint64_t{options.layers} * options.top_k;
  const std::uint64_t bytes =
      checked_mul(checked_mul(tokens, row, "synthetic trace"),
                  id_bytes + (options.weights ? sizeof(float) : 0), "synthetic trace");
  if (bytes > limits::trace_decompressed_bytes_max) {
    throw Error(ErrorCode::bad_input,
                fmt::format("a synthetic trace of {} tokens takes {} bytes, expected at most {}", tokens,
                            bytes, limits::trace_decompressed_bytes_max));
  }
}

}  // namespace

RoutingTrace synthesise(const SynthOptions& options) {
  check_options(options);
  Random random(options.seed);
  auto sequences = draw_sequences(options, random);
  const std::uint64_t tokens = sequences.back().first_token + sequences.back().tokens;
  const bool wide = options.experts > 256;
  check_size(options, tokens, wide ? 2 : 1);
  TokenSource source(options, random);
  std::vector<std::byte> ids;
  std::vector<float> weights;
  ids.reserve(static_cast<std::size_t>(tokens * options.layers * options.top_k * (wide ? 2 : 1)));
  for (const SequenceInfo& sequence : sequences) {
    source.start_sequence();
    for (std::uint32_t token = 0; token < sequence.tokens; ++token) {
      source.next_token([&](const std::vector<Expert>& experts) {
        for (const Expert expert : experts) {
          ids.push_back(static_cast<std::byte>(expert & 0xFFU));
          if (wide) ids.push_back(static_cast<std::byte>(expert >> 8));
        }
        if (options.weights) draw_weights(options.top_k, random, weights);
      });
    }
  }
  TraceShape shape;
  shape.grid = {options.layers, options.experts};
  shape.top_k = options.top_k;
  return RoutingTrace(shape, provenance_of(options), std::move(sequences), std::move(ids),
                      std::move(weights));
}

}  // namespace prophet
