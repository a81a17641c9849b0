#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bench/analytic/analytic_cell.hpp"

/// The fewest GPUs that hold a model which outgrows one: with every expert, with a cache, quantised.
namespace prophet::analytic {

/// The most GPUs that are tried. Beyond gpus_max, which one machine has, the memory of each is known and the
/// exchange between them is not.
inline constexpr std::uint32_t scale_gpus_max = 64;

/// One way of keeping the experts.
struct ScaleWay {
  Approach approach = Approach::all_resident;
  std::optional<double> slab_fraction;  ///< of a cache; none: as many experts as the study's law asks for
};

struct ScaleQuestion {
  std::uint32_t batch = 1;
  CellOptions options;  ///< the division is not looked at
  std::optional<Parallel>
      parallel;                 ///< none: whichever fits on fewer GPUs, then whichever takes less of each
  std::uint32_t gpus_max = 16;  ///< that are tried, 1 to scale_gpus_max
  std::vector<double> slab_fractions = {0.75, 0.5, 0.25, 0.125};  ///< of the caches, each in (0, 1]
};

/// What one way comes to on the fewest GPUs that hold it.
struct ScaleAnswer {
  ScaleWay way;
  std::optional<bool> fits;  ///< on any number up to gpus_max; none when the catalogue lacks a size
  /// The fewest that fit. Where none does, the largest number that can be used; one where it is not known.
  Division division;
  /// Numbers just below it that cannot be used, since they cut a head in two or leave a GPU without an
  /// expert; where none fits, those above it.
  std::vector<std::uint32_t> passed_over;
  double experts_of_layer = 0;  ///< that stay, over all GPUs
  MemoryParts memory;           ///< of each GPU
  /// Tokens of context in all sequences that a GPU has, if the batch's sequences grow alike until its memory
  /// is full. None when that is not known.
  std::optional<std::uint64_t> gpu_kv_tokens;
  /// Of all GPUs: as many of tensor parallelism, where each has a part of every token, and with expert
  /// parallelism, where each has sequences of its own, those of every GPU.
  std::optional<std::uint64_t> node_kv_tokens;
  double hit_rate = 1;
  std::optional<PeerExchange> exchange;  ///< none of one GPU
  std::optional<StepTime> step;          ///< a bound from below; its bytes only where no time is known
  bool timed = false;                    ///< whether the step's times are known: one machine, a known link
  /// Of a cache: with so many GPUs it is held and every expert is not, on any of them; none where there are
  /// no such, or where it is not known.
  std::optional<std::uint32_t> enabled_from;
  std::optional<std::uint32_t> enabled_to;
  /// The fewest that hold the experts alone, where the catalogue lacks a size of the rest: a bound from
  /// below. None where it lacks theirs, or up to gpus_max none does.
  std::optional<std::uint32_t> experts_gpus;
};

/// Every expert, a cache of each slab fraction, one by the study's law, int8, int4; in this order.
[[nodiscard]] std::vector<ScaleWay> scale_ways(const ScaleQuestion& question);

/// Experts of a layer that a cache of this share keeps: the nearest whole number, at least top_k.
[[nodiscard]] std::uint32_t experts_of_fraction(const AnalyticModel& model, double slab_fraction);

/// An answer for each of scale_ways(). A number of GPUs holds a way if one of them takes at most its memory
/// with the batch at the options' context. REQUIRES: batch >= 1; tensor parallelism of the real catalogue
/// only.
[[nodiscard]] std::vector<ScaleAnswer> scale(const std::shared_ptr<const CatalogueModel>& model,
                                             const AnalyticGpu& gpu, const ScaleQuestion& question);

}  // namespace prophet::analytic
