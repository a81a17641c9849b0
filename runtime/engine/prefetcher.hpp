#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/forecast_counts.hpp"
#include "predictor/predictor.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/engine/prefetch_fates.hpp"
#include "runtime/engine/replay_metrics.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

struct PrefetchOptions {
  std::uint32_t lookahead_layers = 1;  ///< forecasts are asked for so many layers ahead; 0: no prefetch
  std::uint32_t width = 0;             ///< experts prefetched per layer at most
  float probability_min = 0.1F;        ///< below it an expert is not worth a copy
};

/// Turns forecasts into prefetches and keeps score of the forecasts made one layer ahead.
/// One host thread; no allocation after construction; everything it is given must outlive it.
class Prefetcher {
 public:
  Prefetcher(Predictor& predictor, ExpertCache& cache, TransferQueue& transfers, PrefetchFates& fates,
             const PrefetchOptions& options);

  /// Called after `made_at` has been observed and its leases have ended: asks for the layers to come and
  /// queues what is worth a copy, the most probable first.
  void run(LayerId made_at);

  /// Compares the forecast for `layer`, if one was made one layer ahead, with what it wants.
  void score(LayerId layer, std::span<const ExpertIndex> wanted, ForecastCounts& total,
             ForecastCounts& of_layer);

  [[nodiscard]] std::uint64_t issued() const noexcept { return issued_; }

 private:
  [[nodiscard]] bool rank(LayerId made_at, LayerId target);
  void queue_best(LayerId target);
  /// False when there is no room for this or any further prefetch.
  [[nodiscard]] bool queue(LayerId target, ExpertIndex expert);

  Predictor& predictor_;
  ExpertCache& cache_;
  TransferQueue& transfers_;
  PrefetchFates& fates_;
  PrefetchOptions options_;
  std::vector<float> probability_;        ///< [experts]
  std::vector<NamedExpert> ranked_;       ///< [experts], by falling probability
  std::vector<NamedExpert> next_ranked_;  ///< [experts]: the forecast for the next layer, kept for the score
  std::vector<std::uint8_t> is_wanted_;   ///< [experts]: 1 where the layer at hand wants it
  LayerId next_layer_;
  bool has_next_ = false;
  std::uint64_t issued_ = 0;
};

}  // namespace prophet
