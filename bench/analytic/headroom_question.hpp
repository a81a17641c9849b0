#pragma once

#include <cstdint>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// One question of headroom: a model with so many of its experts on a device. How many tokens of KV cache are
/// left there? The analytic side answers it by arithmetic, the measured side by allocating.
struct HeadroomQuestion {
  ModelShape model;
  Dtype expert_dtype = Dtype::bf16;
  Dtype kv_dtype = Dtype::bf16;
  std::uint32_t page_tokens = 16;     ///< a power of two
  std::uint32_t batch = 1;            ///< sequences, which grow together
  std::uint32_t step_tokens = 512;    ///< of the longest step, which the workspace is made for
  std::uint32_t cache_slabs = 0;      ///< experts that stay on the device; model.grid.size(): all of them
  std::uint32_t staging_slabs = 0;    ///< through which the others pass; 0 where all stay
  std::uint64_t predictor_bytes = 0;  ///< 0 where all stay

  [[nodiscard]] bool all_resident() const noexcept { return cache_slabs == model.grid.size(); }
};

/// What a device has before anything of the model is on it.
struct DeviceRoom {
  std::uint64_t total_bytes = 0;    ///< of the device
  std::uint64_t context_bytes = 0;  ///< of them, taken by the driver's context and by other processes
  std::uint64_t reserve_bytes = 0;  ///< of the rest, kept by Prophet for code, rings and libraries
  std::uint64_t usable_bytes = 0;   ///< what may be asked for: total - context - reserve
  /// Allocations are rounded up to this; the reserve bears it first.
  std::uint64_t granularity_bytes = 1;
};

}  // namespace prophet
