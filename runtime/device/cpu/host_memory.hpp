#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace prophet {

/// Memory that this process may still take without pushing the host into swap or past its control group:
/// the smaller of /proc/meminfo's MemAvailable and what the cgroup-v2 limit leaves. 0 when neither can be
/// read.
[[nodiscard]] std::uint64_t host_available_bytes();

/// MemTotal of /proc/meminfo; 0 when it cannot be read.
[[nodiscard]] std::uint64_t host_total_bytes();

/// Owns zeroed, page-aligned host memory whose pages all exist, so that no first touch is timed later.
/// Move-only; a moved-from owner is empty.
class HostMemory {
 public:
  HostMemory() = default;
  /// `size_bytes` is not 0. Throws Error{out_of_memory}, naming the asked and the available bytes, when the
  /// host has not that much left beside a small reserve: it is asked before, since Linux promises memory
  /// freely and ends the process that believes it.
  explicit HostMemory(std::uint64_t size_bytes);
  HostMemory(HostMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  HostMemory& operator=(HostMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  ~HostMemory();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace prophet
