#pragma once

#include <cstdint>
#include <vector>

#include "predictor/forecast_counts.hpp"
#include "runtime/transfer/transfer_bytes.hpp"

namespace prophet {

/// Requests and what they met. One request is one distinct expert wanted by one layer of one step, and met
/// one of five things: requests = hit_on_time + hit_late + miss + host + in_place.
struct LayerCounts {
  std::uint64_t requests = 0;
  std::uint64_t hit_on_time = 0;
  std::uint64_t hit_late = 0;
  std::uint64_t miss = 0;      ///< copied while the layer waited
  std::uint64_t host = 0;      ///< computed on the host's cores instead
  std::uint64_t in_place = 0;  ///< computed with weights read over the link instead

  LayerCounts& operator+=(const LayerCounts& more) noexcept;
  LayerCounts& operator-=(const LayerCounts& less) noexcept;
};

/// What some passes asked, moved and took.
struct PassTotals {
  LayerCounts requests;
  TransferBytes bytes;
  std::uint64_t compute_ns = 0;
  std::uint64_t stall_ns = 0;

  PassTotals& operator+=(const PassTotals& more) noexcept;
  PassTotals& operator-=(const PassTotals& less) noexcept;
};

/// What one replay measured. Times are the device's: virtual on the sim.
struct ReplayMetrics {
  std::uint64_t steps = 0;  ///< decode steps
  std::uint64_t prefill_passes = 0;
  std::uint64_t tokens = 0;
  std::uint64_t decode_tokens = 0;   ///< of them, in decode steps
  std::uint64_t captured_steps = 0;  ///< of the decode steps, those that ran as one captured step to the end
  std::uint64_t captured_steps_left = 0;  ///< those that began as one and left it at a miss
  LayerCounts total;
  std::vector<LayerCounts> layers;  ///< [layers]
  TransferBytes bytes;
  std::uint64_t prefetches_issued = 0;
  std::uint64_t prefetches_failed = 0;
  std::uint64_t prefetch_paused_layers = 0;     ///< layers in which the governor held prefetch back
  std::uint64_t forecast_spared_layers = 0;     ///< layers behind which no forecast had anything to fetch
  ForecastCounts forecast;                      ///< of those made one layer ahead
  std::vector<ForecastCounts> forecast_layers;  ///< [layers]
  std::uint64_t routers_ahead = 0;       ///< products of a coming layer's router that were made for forecasts
  std::uint64_t logits_ahead_bytes = 0;  ///< of them, copied to the host
  std::uint64_t rounds_extra =
      0;               ///< rounds beyond the first, for layers that wanted more than there was room
  PassTotals prefill;  ///< the part of total, bytes, compute_ns and stall_ns that fell into prefill passes
  std::uint64_t total_ns = 0;
  std::uint64_t compute_ns = 0;  ///< the compute stream was running an operation
  std::uint64_t host_ns = 0;     ///< the host's cores were computing experts, or rows were on their way
  std::uint64_t activation_bytes =
      0;                       ///< of rows and results that crossed the link for that, in decode steps
  std::uint64_t stall_ns = 0;  ///< it had nothing to run because an expert was not there
  std::vector<std::uint64_t> step_ns;  ///< [steps], decode steps only
  std::uint64_t slabs_verified = 0;
  std::uint64_t outputs_digest = 0;  ///< of the hidden states after every step; 0 without bytes

  /// Without the prefill passes.
  [[nodiscard]] PassTotals decode() const noexcept;
};

/// The q-quantile (0..1) by nearest rank; 0 when empty.
[[nodiscard]] std::uint64_t quantile_ns(std::vector<std::uint64_t> values, double q);

}  // namespace prophet
