#include "runtime/device/cpu/host_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// Left to the rest of the process: code, stacks, traces.
constexpr std::uint64_t reserve_bytes = 64ULL << 20;
constexpr std::uint64_t page_bytes = 4096;

std::optional<std::uint64_t> meminfo_bytes(const std::string& field) {
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  std::string rest;
  while (meminfo >> name >> kib) {
    if (name == field) return kib << 10;
    std::getline(meminfo, rest);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number_in(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

std::optional<std::uint64_t> cgroup_left_bytes() {
  const auto limit = number_in("/sys/fs/cgroup/memory.max");  // "max" is no number: no limit
  const auto used = number_in("/sys/fs/cgroup/memory.current");
  if (!limit || !used) return std::nullopt;
  return *limit > *used ? *limit - *used : 0;
}

void touch_pages(std::byte* data, std::uint64_t size_bytes) {
  volatile std::byte* pages = data;
  for (std::uint64_t at = 0; at < size_bytes; at += page_bytes) pages[at] = std::byte{0};
}

}  // namespace

std::uint64_t host_available_bytes() {
  constexpr auto unknown = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t available =
      std::min(meminfo_bytes("MemAvailable:").value_or(unknown), cgroup_left_bytes().value_or(unknown));
  return available == unknown ? 0 : available;
}

std::uint64_t host_total_bytes() {
  return meminfo_bytes("MemTotal:").value_or(0);
}

HostMemory::HostMemory(std::uint64_t size_bytes) {
  const std::uint64_t available = host_available_bytes();
  if (available < reserve_bytes || size_bytes > available - reserve_bytes) {
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("allocate: {} bytes were asked for, but the host has {} bytes available, of which "
                    "{} are kept in reserve",
                    size_bytes, available, reserve_bytes));
  }
  void* mapped = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("allocate: the host refused to map {} bytes", size_bytes));
  }
  madvise(mapped, size_bytes, MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(mapped);
  size_bytes_ = size_bytes;
  touch_pages(data_, size_bytes_);
}

HostMemory::~HostMemory() {
  if (data_ != nullptr) munmap(data_, size_bytes_);
}

}  // namespace prophet
