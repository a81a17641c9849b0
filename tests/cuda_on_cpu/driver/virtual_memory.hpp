#pragma once

#include <driver_types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace prophet::cuda_on_cpu {

inline constexpr std::size_t granularity_bytes = std::size_t{2} << 20;

/// Physical memory of cuMemCreate: a file in memory, which lives until its handle is released and no mapping
/// shows it.
class PhysicalMemory {
 public:
  /// Null where the device has no capacity left or the system no file.
  static std::shared_ptr<PhysicalMemory> create(std::size_t bytes, int device);
  PhysicalMemory(int file, std::size_t bytes, int device) : file_(file), bytes_(bytes), device_(device) {}
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;
  ~PhysicalMemory();

  [[nodiscard]] int file() const { return file_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] int device() const { return device_; }

 private:
  int file_;
  std::size_t bytes_;
  int device_;
};

/// Reserved addresses and what is mapped there, under the rules of the driver's virtual memory calls: whole
/// pages of granularity_bytes, mappings as a whole, no access before it is set. Addresses are never reserved
/// twice, so that an access after an unmapping faults. Any thread.
class VirtualMemory {
 public:
  static VirtualMemory& instance();

  cudaError_t create(std::uint64_t* handle, std::size_t bytes, int device);
  cudaError_t release(std::uint64_t handle);
  cudaError_t reserve(std::uintptr_t* address, std::size_t bytes, std::size_t alignment);
  cudaError_t free_reservation(std::uintptr_t address, std::size_t bytes);
  cudaError_t map(std::uintptr_t address, std::size_t bytes, std::uint64_t handle);
  cudaError_t unmap(std::uintptr_t address, std::size_t bytes);
  cudaError_t set_access(std::uintptr_t address, std::size_t bytes, int protection);

  struct Live {
    std::size_t handles = 0;
    std::size_t mappings = 0;
    std::size_t reservations = 0;
  };
  [[nodiscard]] Live live() const;

 private:
  struct Mapping {
    std::size_t bytes = 0;
    std::shared_ptr<PhysicalMemory> memory;
  };

  [[nodiscard]] bool is_reserved(std::uintptr_t address, std::size_t bytes) const;
  [[nodiscard]] bool has_mapping(std::uintptr_t address, std::size_t bytes) const;
  [[nodiscard]] bool is_whole_mappings(std::uintptr_t address, std::size_t bytes) const;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<PhysicalMemory>> handles_;
  std::map<std::uintptr_t, std::size_t> reservations_;
  std::map<std::uintptr_t, Mapping> mappings_;
  std::uint64_t last_handle_ = 0x58000000;
};

}  // namespace prophet::cuda_on_cpu
