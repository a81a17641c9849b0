#pragma once

#include <cstddef>
#include <cstdint>

namespace prophet::kernels::cuda {

/// Experts that the many-token way takes in one go.
inline constexpr std::uint32_t expert_batch_max = 64;

/// Some experts of a layer, handed to kernels by value: it fits the 4 KiB of a launch's arguments, so that no
/// list has to be brought to the device.
struct ExpertBatch {
  const std::byte* slabs[expert_batch_max] = {};
  std::uint32_t first_row[expert_batch_max] = {};
  std::uint32_t rows[expert_batch_max] = {};
  std::uint32_t count = 0;
};

}  // namespace prophet::kernels::cuda
