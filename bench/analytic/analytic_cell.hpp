#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/analytic/expert_demand.hpp"
#include "bench/analytic/hit_rate_curve.hpp"
#include "bench/analytic/memory_parts.hpp"
#include "bench/analytic/several_gpus.hpp"
#include "bench/analytic/step_time.hpp"
#include "bench/analytic/study/study_reading.hpp"

namespace prophet::analytic {

/// A GPU: what a step is timed by, and how much memory counts. Of the study's catalogue the memory is the
/// number in the name, in GB of 10^9 bytes; of the real one it is what the profile says a program can
/// allocate.
struct AnalyticGpu {
  GpuProfile profile;
  std::uint64_t memory_bytes = 0;
  double study_gb = 0;  ///< the number in the name; 0 for a GPU that is none of the study's
};

/// What a cell is computed with beside model, GPU and batch.
struct CellOptions {
  std::uint64_t context_tokens = 2048;  ///< of each sequence, for KV, step time and largest batch
  double zipf = 0;                      ///< exponent of the experts' popularity; 0: all alike
  std::optional<double> hit_rate;  ///< of the caches; from the curve or the popularity where none is given
  std::shared_ptr<const HitRateCurve> curve;  ///< of a trace, for LRU and forecast caches; may be null
  Division division;                          ///< over several GPUs; check_division() accepts it
};

/// The hit rate of a cache that holds `slots` of `experts` experts of each layer: the options', else the
/// curve's, else `che_rate`.
[[nodiscard]] double cache_hit_rate(const CellOptions& options, double slots, std::uint32_t experts,
                                    double che_rate);

/// What depends on model and batch alone.
struct ExpertDemand {
  double unique_power_law = 0;
  double unique_uniform = 0;
  double unique_popular = 0;  ///< with the options' popularity; unique_uniform where all are alike
  Sharing by_power_law;
  Sharing by_uniform;
  double saturation_batch = 0;
  double cached_experts = 0;   ///< of a layer, that Prophet keeps, over all GPUs
  double che_hit_rate = 0;     ///< of an LRU cache of so many
  double static_hit_rate = 0;  ///< of the so many most popular
};
[[nodiscard]] ExpertDemand expert_demand(const AnalyticModel& model, std::uint32_t batch, double zipf);

/// One approach on one GPU, or on each of several.
struct ApproachAnswer {
  Approach approach = Approach::all_resident;
  MemoryParts memory;  ///< with the options' context
  std::optional<std::uint64_t> context_tokens_max;
  std::optional<std::uint64_t> batch_size_max;
  double hit_rate = 1;
  std::optional<StepTime> step;

  /// None when the catalogue does not say.
  [[nodiscard]] std::optional<bool> fits(std::uint64_t memory_bytes) const;
};

/// One configuration: a model on a GPU with a batch, or divided over several such GPUs; then all bytes are of
/// one of them and batches of all together. Everything that `prophet analyze` prints of it.
struct AnalyticCell {
  std::shared_ptr<const CatalogueModel> model;
  std::string gpu;
  std::uint64_t memory_bytes = 0;
  std::uint32_t batch = 1;
  CellOptions options;
  ExpertDemand demand;
  std::array<ApproachAnswer, approaches.size()> answers;  ///< in the order of `approaches`
  std::optional<std::uint64_t> kv_token_bytes;            ///< of a sequence's first token
  std::optional<PeerExchange> exchange;                   ///< of each step; none of one GPU
  ContextExtension extension;                             ///< of Prophet over all-resident
  std::optional<StudyReading> study;  ///< only of the study's models and GPUs, and of one GPU

  /// 0 of one GPU; none where it is not known, and then no step's time is.
  [[nodiscard]] std::optional<std::uint64_t> exchange_ns() const;
  [[nodiscard]] const ApproachAnswer& of(Approach approach) const {
    return answers[static_cast<std::size_t>(approach)];
  }
};

/// REQUIRES: batch >= 1.
[[nodiscard]] AnalyticCell analytic_cell(std::shared_ptr<const CatalogueModel> model, const AnalyticGpu& gpu,
                                         std::uint32_t batch, const CellOptions& options);

/// Every model on every GPU with every batch, in this order. What no GPU changes is computed once.
[[nodiscard]] std::vector<AnalyticCell> analytic_grid(
    const std::vector<std::shared_ptr<const CatalogueModel>>& models, const std::vector<AnalyticGpu>& gpus,
    const std::vector<std::uint32_t>& batches, const CellOptions& options);

}  // namespace prophet::analytic
