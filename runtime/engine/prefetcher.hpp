#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "predictor/forecast_counts.hpp"
#include "predictor/predictor.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/engine/link_watch.hpp"
#include "runtime/engine/prefetch_fates.hpp"
#include "runtime/engine/prefetch_plan.hpp"
#include "runtime/engine/replay_metrics.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

/// Which of the experts that a forecast names are copied.
enum class PrefetchRule : std::uint8_t {
  named,   ///< all above probability_min, `width` a layer at most: as other systems do it
  paying,  ///< those of which a gain is expected (PrefetchPlan), handed to the link one by one
};

/// "named" or "paying". Throws Error{usage} for another word.
[[nodiscard]] PrefetchRule parse_prefetch_rule(std::string_view name);

struct PrefetchOptions {
  std::uint32_t lookahead_layers = 1;  ///< forecasts are asked for so many layers ahead; 0: no prefetch
  std::uint32_t width = 0;             ///< experts prefetched per layer at most
  float probability_min = 0.1F;        ///< `named`: below it an expert is not worth a copy
  std::uint32_t ranked_experts = 0;    ///< of a forecast, so many are put in order; 0: all
  PrefetchRule rule = PrefetchRule::named;
  double link_bytes_per_s = 0;  ///< `paying`: as measured; not 0
  ChunkCost chunk{};            ///< `paying`: as measured; zeros: what its bytes take
  double wasted_price = 0.15;   ///< `paying`: of a wasted byte, in bytes of stall
};

/// Turns forecasts into prefetches and keeps score of the forecasts made one layer ahead. By the rule
/// `paying` no slab is taken before the link is free to fill it, so that a plan is as fresh as the latest
/// forecast, and a copy that has begun is given up when a fresher forecast no longer expects a gain of it.
/// One host thread; no allocation after construction; everything it is given must outlive it.
class Prefetcher {
 public:
  Prefetcher(Predictor& predictor, ExpertCache& cache, TransferQueue& transfers, PrefetchFates& fates,
             const PrefetchOptions& options);

  /// Called once `made_at` has been observed: forecasts that a device makes begin before its experts do. None
  /// is asked for of a layer all of whose experts are here. False where nothing begins: there is no other
  /// layer within the lookahead, or prefetch rests.
  bool prepare(LayerId made_at);

  /// Called after `made_at` of a decode step has been observed and its leases have ended, `now_ns` by the
  /// device's clock: asks for the layers to come that prepare() began, as far as the link has time for
  /// more, and queues what is worth a copy. While prefetch rests no forecast is asked for.
  void run(LayerId made_at, std::uint64_t now_ns);
  /// Queues what is next of the plan, if the link is free for it. Cheap when idle.
  void feed();
  /// A prefill pass runs: what was planned is forgotten.
  void interrupted();

  /// Compares the forecast for `layer`, if one was made one layer ahead, with what it wants.
  void score(LayerId layer, std::span<const ExpertIndex> wanted, ForecastCounts& total,
             ForecastCounts& of_layer);

  [[nodiscard]] std::uint64_t issued() const noexcept { return issued_; }
  /// Layers behind which no forecast was asked for, because the next ones had all their experts here.
  [[nodiscard]] std::uint64_t spared_layers() const noexcept { return spared_layers_; }

 private:
  [[nodiscard]] LayerId target_of(LayerId made_at, std::uint32_t ahead) const noexcept {
    return LayerId{(made_at.value + ahead) % cache_.grid().layers};
  }
  [[nodiscard]] bool lacks_some(LayerId target) const noexcept;
  [[nodiscard]] bool asks_any() const noexcept;
  void keep_for_score(LayerId next);
  void rank(std::span<const float> probability, std::span<const std::uint8_t> here);
  void offer(LayerId target, std::uint32_t ahead);
  void reconsider_running();
  void queue_best(LayerId target);
  /// False when there is no room for this or any further prefetch.
  [[nodiscard]] bool queue(LayerId target, ExpertIndex expert);

  Predictor& predictor_;
  ExpertCache& cache_;
  TransferQueue& transfers_;
  PrefetchFates& fates_;
  PrefetchOptions options_;
  std::vector<float> probability_;       ///< [experts] of the layer that is planned
  std::vector<std::uint8_t> here_;       ///< [experts] of it: 1 where the cache has it
  std::vector<float> next_probability_;  ///< [experts] of the next layer, kept for the score
  std::vector<std::uint8_t> next_here_;  ///< [experts] of it
  std::vector<NamedExpert> ranked_;      ///< [experts], by falling probability
  std::vector<std::uint8_t> is_wanted_;  ///< [experts]: 1 where the layer at hand wants it
  PrefetchPlan plan_;
  LinkWatch link_;
  SlabTicket running_;  ///< by the rule `paying`, what was queued last
  bool has_running_ = false;
  std::vector<std::uint8_t> asks_;  ///< [lookahead_layers]: 1 where the layer at hand asks for a forecast
  LayerId next_layer_;
  bool has_next_ = false;
  std::uint64_t issued_ = 0;
  std::uint64_t spared_layers_ = 0;
};

}  // namespace prophet
