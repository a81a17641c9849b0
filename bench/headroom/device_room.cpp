#include "bench/headroom/device_room.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet {
namespace {

/// Large enough not to be taken from what the driver keeps for small allocations.
constexpr std::uint64_t probe_bytes = (4ULL << 20) + 1;

/// What one allocation takes beyond what is asked for, as a unit of rounding.
std::uint64_t granularity_of(CudaDevice& device) {
  const std::uint64_t before = device.memory_now().free_bytes;
  if (before < 2 * probe_bytes || device.info().memory_bytes < 2 * probe_bytes) return 1;
  const Buffer probe(device, MemoryKind::device, probe_bytes);
  const std::uint64_t taken = before - std::min(before, device.memory_now().free_bytes);
  return taken < probe_bytes ? 1 : taken - (probe_bytes - 1);
}

DeviceRoom room_of_cuda(CudaDevice& device) {
  DeviceRoom room;
  const CudaMemoryNow now = device.memory_now();
  room.total_bytes = now.total_bytes;
  room.context_bytes = now.total_bytes - now.free_bytes;
  room.usable_bytes = std::min(device.info().memory_bytes, now.free_bytes);
  room.reserve_bytes = now.free_bytes - room.usable_bytes;
  room.granularity_bytes = granularity_of(device);
  return room;
}

}  // namespace

std::unique_ptr<Device> open_with_budget(const std::string& name, std::uint64_t memory_bytes) {
  DeviceOptions options;
  std::unique_ptr<Device> whole = make_device(name, options);
  if (memory_bytes == 0) return whole;
  if (memory_bytes > whole->info().memory_bytes) {
    throw Error(ErrorCode::usage, fmt::format("--memory of {} bytes: {} has {}, expected at most that",
                                              memory_bytes, whole->info().name, whole->info().memory_bytes));
  }
  whole.reset();
  options.memory_bytes = memory_bytes;
  return make_device(name, options);
}

std::uint64_t taken_bytes(Device& device) {
  auto* const cuda = dynamic_cast<CudaDevice*>(&device);
  if (cuda == nullptr) return 0;
  const CudaMemoryNow now = cuda->memory_now();
  return now.total_bytes - now.free_bytes;
}

DeviceRoom room_of(Device& device) {
  if (auto* const cuda = dynamic_cast<CudaDevice*>(&device); cuda != nullptr) return room_of_cuda(*cuda);
  DeviceRoom room;
  room.total_bytes = device.info().memory_bytes;
  room.usable_bytes = room.total_bytes;
  return room;
}

}  // namespace prophet
