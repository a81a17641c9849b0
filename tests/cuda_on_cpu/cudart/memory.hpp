#pragma once

#include <driver_types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace prophet::cuda_on_cpu {

inline constexpr int devices_max = 8;

enum class MemoryKind {
  pageable,    ///< nothing that CUDA knows
  device,      ///< cudaMalloc, or mapped by the driver's virtual memory calls
  pinned,      ///< cudaHostAlloc
  registered,  ///< cudaHostRegister
  vacant,      ///< once device or pinned memory, or reserved and not mapped: nothing is there
};

/// What is known of a range of addresses.
struct MemoryRange {
  MemoryKind kind = MemoryKind::pageable;
  bool whole = true;  ///< the range does not reach beyond what lies at its beginning
  int device = 0;
};

/// All memory that CUDA knows. Device memory is host memory with guard pages; addresses are never used again,
/// and freed memory stays without access, so that a use after free faults. Any thread.
class Memory {
 public:
  static Memory& instance();

  cudaError_t allocate_device(void** address, std::size_t bytes, int device);
  cudaError_t free_device(void* address);
  cudaError_t allocate_pinned(void** address, std::size_t bytes);
  cudaError_t free_pinned(void* address);
  cudaError_t register_host(void* address, std::size_t bytes);
  cudaError_t unregister_host(void* address);

  [[nodiscard]] MemoryRange look_up(const void* address, std::size_t bytes) const;
  [[nodiscard]] bool is_device_allocation(const void* address) const;
  [[nodiscard]] std::size_t free_bytes(int device) const;

  /// Capacity for memory that has no address of its own (cuMemCreate).
  [[nodiscard]] bool take_capacity(int device, std::size_t bytes);
  void give_capacity(int device, std::size_t bytes);

  /// What the virtual memory calls put at addresses that they reserved. A mapping has no access at first.
  void add_vacant(void* address, std::size_t bytes);
  void add_mapping(void* address, std::size_t bytes, int device);
  void remove_mapping(void* address);
  /// The caller has checked that whole mappings are named.
  void set_access(void* address, std::size_t bytes, int protection);

  /// Strict mode: device memory is open while operations run and closed else.
  void open();
  void close();

  struct Live {
    std::size_t device_buffers = 0;
    std::size_t device_bytes = 0;
    std::size_t pinned_buffers = 0;
  };
  [[nodiscard]] Live live() const;

 private:
  struct Block {
    std::size_t bytes = 0;
    MemoryKind kind = MemoryKind::device;
    int device = 0;
    std::size_t taken_bytes = 0;  ///< of the device's capacity
    bool is_mapping = false;      ///< made by add_mapping: no capacity and no pages of its own
    int protection = 0;           ///< when open
    std::uintptr_t pages = 0;     ///< what is mapped without guards, in whole pages
    std::size_t pages_bytes = 0;
  };
  using Blocks = std::map<std::uintptr_t, Block>;

  [[nodiscard]] Blocks::const_iterator find(std::uintptr_t address) const;
  [[nodiscard]] bool is_vacant(std::uintptr_t address) const;
  [[nodiscard]] bool overlaps(std::uintptr_t address, std::size_t bytes) const;
  cudaError_t place(void** address, std::size_t bytes, Block block);
  cudaError_t vacate(void* address, MemoryKind kind);
  void protect(const Block& block) const;

  mutable std::mutex mutex_;
  Blocks blocks_;
  std::map<std::uintptr_t, std::size_t> vacant_;
  std::array<std::size_t, devices_max> used_bytes_{};
  bool open_ = true;
};

/// In strict mode a host function finds device memory closed, as the rest of the host does.
class ClosedForHostFunction {
 public:
  explicit ClosedForHostFunction(bool close) : closed_(close) {
    if (closed_) Memory::instance().close();
  }
  ~ClosedForHostFunction() {
    if (closed_) Memory::instance().open();
  }
  ClosedForHostFunction(const ClosedForHostFunction&) = delete;
  ClosedForHostFunction& operator=(const ClosedForHostFunction&) = delete;

 private:
  bool closed_;
};

}  // namespace prophet::cuda_on_cpu
