#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bench/analytic/analytic_cell.hpp"

/// Which way of keeping a model suits a GPU, a batch and a context: every way with the numbers that decide.
namespace prophet::analytic {

enum class Way : std::uint8_t {
  keep_all,      ///< every expert stays
  cache,         ///< as many experts as there is room for, the others forecast and fetched
  int8,          ///< every expert stays, in int8
  int4,          ///< in int4
  offload,       ///< no expert stays
  several_gpus,  ///< expert parallel: experts and sequences divided, everything else on each
};
inline constexpr std::array ways = {Way::keep_all, Way::cache,   Way::int8,
                                    Way::int4,     Way::offload, Way::several_gpus};
/// The key in results: "keep_all".
[[nodiscard]] const char* way_name(Way way) noexcept;

/// One way and what it comes to. Bytes are of one GPU.
struct WayAnswer {
  Way way = Way::keep_all;
  std::uint64_t total_bytes = 0;
  bool fits = false;
  std::uint32_t gpus = 1;           ///< several_gpus: the fewest that fit, or gpus_max when those do not
  double experts_of_layer = 0;      ///< that stay; over all GPUs
  double hit_rate = 1;              ///< share of the wanted experts that stay
  std::optional<StepTime> step;     ///< not of several_gpus where the profile has no peer_bytes_per_s
  std::optional<double> slow_down;  ///< overlapped step over that of a GPU that keeps all
};

struct RecommendQuestion {
  std::uint32_t batch = 1;
  CellOptions options;
  double slow_down_max = 2;  ///< that is accepted for results which no quantisation changes
};

struct Recommendation {
  std::array<WayAnswer, ways.size()> answers;  ///< in the order of `ways`
  std::optional<Way> chosen;                   ///< none: nothing fits

  [[nodiscard]] const WayAnswer& of(Way way) const { return answers[static_cast<std::size_t>(way)]; }
};

/// The first that fits of: keep all; cache, if its step is at most slow_down_max times as long; int8; int4;
/// several GPUs; cache at any speed; offload. A cache fits with at least top_k experts of each layer.
/// REQUIRES: a model of the real catalogue, of which every size is known; batch >= 1.
[[nodiscard]] Recommendation recommend(const AnalyticModel& model, const AnalyticGpu& gpu,
                                       const RecommendQuestion& question);

}  // namespace prophet::analytic
