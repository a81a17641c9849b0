#pragma once

#include <cstdint>
#include <optional>

#include "bench/analytic/analytic_model.hpp"
#include "bench/analytic/approach.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet::analytic {

/// One decode step of a batch: what it reads from the device's memory, what it moves over the link, and how
/// long that takes on a GPU profile. Nothing but rates: no latencies, launches or host time, so it is a bound
/// from below and not a forecast.
///
///   read = non_expert - lookup tables + layers * wanted * expert + batch * K and V of the context
///   moved = layers * wanted * (1 - hit_rate) * expert
///   compute = max(read / memory bandwidth, 2 * active parameters * batch / rate of multiply-adds)
///   link = moved / link bandwidth
///   overlapped = max(compute + peers, link): a forecast that is early enough hides the shorter one behind
///   the
///                other
///   serial = compute + peers + link: each miss is copied on demand, while nothing computes
///
/// `peers` is the exchange with other GPUs, 0 of one GPU. It hides behind no computing: a layer needs its
/// result before it goes on. Copies from the host have another link and go on during it. Of several GPUs that
/// divide the experts, each has its share of the wanted ones, of the sequences and of the multiply-adds.
///
/// Not counted: attention's own multiply-adds, which at batch 1 are far below the time of reading its KV.
struct StepTime {
  std::uint64_t read_bytes = 0;
  std::uint64_t moved_bytes = 0;
  std::uint64_t compute_ns = 0;
  std::uint64_t link_ns = 0;
  std::uint64_t peer_ns = 0;
  std::uint64_t overlapped_ns = 0;
  std::uint64_t serial_ns = 0;
};

struct StepQuestion {
  Approach approach = Approach::all_resident;
  std::uint64_t batch = 1;
  std::uint64_t context_tokens = 0;
  double wanted_experts = 0;  ///< distinct ones of a layer in one step, over all GPUs
  double hit_rate = 1;        ///< share of them that is resident
  std::uint64_t peer_ns = 0;  ///< exchange with other GPUs
};

/// None when the model's catalogue lacks a size. A model whose active parameters are unknown is timed by its
/// bytes alone. REQUIRES: the profile's rates are positive.
[[nodiscard]] std::optional<StepTime> step_time(const AnalyticModel& model, const StepQuestion& question,
                                                const GpuProfile& gpu);

}  // namespace prophet::analytic
