#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/cache/expert_cache.hpp"
#include "runtime/engine/host_experts.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "runtime/engine/miss_way.hpp"
#include "runtime/engine/miss_ways.hpp"
#include "runtime/engine/residency_gain.hpp"
#include "runtime/engine/slab_memory.hpp"
#include "runtime/engine/step_model.hpp"
#include "runtime/transfer/host_store.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

struct MissOptions {
  MissMode mode = MissMode::copy;
  std::uint32_t tokens_max = 0;  ///< of a decode step whose misses are not all copied; wider ones copy
  /// `automatic`: an expert computed elsewhere is also copied for the next time while fewer copies than so
  /// many are queued behind the layers' own; 0: never.
  std::uint32_t fills_queued_max = 1;
};

/// The misses of a decode step that are not copied, layer by layer: decides for each way (MissWays), has the
/// host compute what it is given, and launches what is read in place. Such experts take no slab, and the
/// policy does not hear of them, unless they are copied afterwards, for the next time (to_keep): that the
/// layer does not wait for, but while it lasts the host's cores have less of the memory. Whether it pays, and
/// what a copy is worth beyond its layer, ResidencyGain learns while the model runs.
///
/// For each layer: choose, start, and before the combine finish. One host thread; no allocation after
/// construction. Everything it is given must outlive it.
class ComputedElsewhere {
 public:
  /// Measures what the ways cost (measure_miss_costs); the first slab is overwritten. REQUIRES: the cache is
  /// empty, and options.mode is not copy.
  ComputedElsewhere(Device& device, const HostStore& store, const StepModel& model, const SlabMemory& slabs,
                    const MissOptions& options);

  /// Whether the misses of such a step are its affair.
  [[nodiscard]] bool serves(std::size_t tokens) const noexcept { return tokens <= options_.tokens_max; }

  /// Decides for what the layer wants and the cache has not. Returns what the caller is to acquire as ever:
  /// what is there and what is to be copied, ascending, valid until the next call.
  [[nodiscard]] std::span<const ExpertIndex> choose(const LayerRequests& requests, const ExpertCache& cache,
                                                    const TransferQueue& transfers, std::uint64_t step);
  /// Starts the chosen experts: on the host, and in place on `compute`.
  void start(LayerId layer, const LayerRequests& requests, std::uint32_t tokens, StreamId compute);
  /// What is submitted to `compute` from now on comes behind all of them.
  void finish(StreamId compute);

  /// Positions in requests.wanted() of what was chosen to be computed, ascending.
  [[nodiscard]] std::span<const std::uint32_t> on_host() const noexcept { return on_host_; }
  [[nodiscard]] std::span<const std::uint32_t> in_place() const noexcept { return in_place_; }
  /// Of them, what the cache should be offered: nothing where nothing is to be copied, or the link has enough
  /// to do. Ascending.
  [[nodiscard]] std::span<const ExpertIndex> to_keep(const LayerRequests& requests,
                                                     const TransferQueue& transfers);
  /// Told of all that leaves the cache, and when the layer is through with it.
  void left(std::span<const Evicted> evicted) noexcept;
  void end_layer(const ExpertCache& cache, std::uint64_t step) noexcept;

  [[nodiscard]] const MissCosts& costs() const noexcept { return costs_; }
  [[nodiscard]] const HostExperts& host() const noexcept { return host_; }

 private:
  void choose_ways(const LayerMisses& misses);
  [[nodiscard]] bool filling_pays() noexcept;
  /// What later steps are spared by one expert brought to the device now; negative where what leaves for it
  /// is wanted more.
  [[nodiscard]] double worth_ns() const noexcept;
  /// What a fill takes from the host's cores if they are busy while it lasts.
  [[nodiscard]] double fill_ns() const noexcept;

  Device& device_;
  const HostStore& store_;
  const StepModel& model_;
  MissOptions options_;
  HostExperts host_;
  MissCosts costs_;
  MissWays ways_;
  ResidencyGain gain_;
  std::uint32_t fills_held_back_ = 0;        ///< since the last
  std::vector<std::uint32_t> missing_;       ///< positions in requests.wanted()
  std::vector<std::uint32_t> missing_rows_;  ///< [missing] tokens that want each
  std::vector<MissWay> chosen_;              ///< [missing]
  std::vector<ExpertIndex> to_acquire_;
  std::vector<ExpertIndex> to_copy_;  ///< of them, what is missing
  std::vector<std::uint32_t> on_host_;
  std::vector<std::uint32_t> in_place_;
  std::vector<ExpertIndex> to_keep_;
};

}  // namespace prophet
