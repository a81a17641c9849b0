#include "bench/cuda/case_memory.hpp"

#include <algorithm>

#include "runtime/base/random.hpp"

namespace prophet::measure {
namespace {

constexpr const char* where = "memory of a measured kernel";

}  // namespace

std::byte* CaseMemory::drawn(std::uint64_t size_bytes) {
  constexpr std::uint64_t tile_bytes = 1U << 20;
  Random random(seed_ + device_.size());
  std::vector<std::byte> tile(std::min(size_bytes, tile_bytes));
  // As the high byte of a float: a sign and an exponent from 2^-15 to 1.
  for (std::byte& one : tile) one = static_cast<std::byte>((random.next() & 0x87U) | 0x38U);
  std::byte* const data = allocate(size_bytes);
  upload(data, tile);
  for (std::uint64_t done = tile.size(); done < size_bytes;) {
    const std::uint64_t more = std::min(done, size_bytes - done);
    gpu_.status().check(cudaMemcpyAsync(data + done, data, more, cudaMemcpyDeviceToDevice, gpu_.stream()),
                        "cudaMemcpyAsync", where);
    done += more;
  }
  gpu_.synchronize(where);
  return data;
}

std::byte* CaseMemory::mapped(std::uint64_t size_bytes) {
  mapped_.emplace_back(size_bytes, gpu_.status(), where);
  return mapped_.back().device_data();
}

std::byte* CaseMemory::allocate(std::uint64_t size_bytes) {
  device_.emplace_back(std::max<std::uint64_t>(16, size_bytes), gpu_.status(), where);
  return device_.back().data();
}

void CaseMemory::upload(std::byte* to, std::span<const std::byte> bytes) {
  gpu_.status().check(cudaMemcpyAsync(to, bytes.data(), bytes.size(), cudaMemcpyHostToDevice, gpu_.stream()),
                      "cudaMemcpyAsync", where);
  gpu_.synchronize(where);
}

}  // namespace prophet::measure
