#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/device/cuda/driver_memory.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// The two uses that device memory moves between.
enum class Side : std::uint8_t { experts, pages };

/// Device memory in blocks, each of which appears at the end of one of two ranges of addresses: the boundary
/// between experts and KV pages moves by mapping, and no byte is copied. Either range is as long as all the
/// blocks, so that neither ever has to move. (The other way, re-typed slabs, gives a slab of one fixed range
/// to the pages and needs no call at all: docs/cuda.md compares them.)
///
/// Invariants: the blocks of a side are mapped without a gap from its first address on; a block is counted at
/// one side; whatever fails, each block, mapping and reservation is given back once.
/// Thread safety: none; belongs to the thread that calls the device.
class VirtualArena {
 public:
  /// All blocks begin as experts. `block_bytes` is rounded up to what the driver maps at once. Throws
  /// Error{out_of_memory}, Error{no_device} when the driver lacks the functions, Error{usage} for no blocks.
  VirtualArena(int ordinal, std::uint64_t block_bytes, std::uint32_t blocks, Status& status);
  VirtualArena(const VirtualArena&) = delete;
  VirtualArena& operator=(const VirtualArena&) = delete;
  ~VirtualArena();

  /// Takes the last `count` blocks of the other side behind those of `to`; what they held is there in the
  /// reverse order of blocks. REQUIRES: the device has finished with them. When the driver refuses to map
  /// them, throws, and both sides are as they were. When it refuses to take the old addresses back, the
  /// blocks have moved all the same: Status keeps the error, and the addresses are cleared before they are
  /// used again. Throws Error{usage} when the other side has not so many.
  void give(Side to, std::uint32_t count);

  [[nodiscard]] std::byte* address(Side side) const noexcept;
  [[nodiscard]] std::uint32_t blocks(Side side) const noexcept {
    return static_cast<std::uint32_t>(range(side).blocks.size());
  }
  [[nodiscard]] std::uint64_t block_bytes() const noexcept { return block_bytes_; }

 private:
  struct Range {
    Range(const DriverMemory& driver, std::uint64_t size_bytes, Status& status)
        : addresses(driver, size_bytes, status) {}
    AddressRange addresses;
    std::vector<std::uint32_t> blocks;  // in the order of their addresses
    std::uint32_t mapped = 0;           // blocks.size(), or more where it is not known what is mapped there
  };

  [[nodiscard]] Range& range(Side side) noexcept { return side == Side::experts ? experts_ : pages_; }
  [[nodiscard]] const Range& range(Side side) const noexcept {
    return side == Side::experts ? experts_ : pages_;
  }
  [[nodiscard]] CUdeviceptr place(const Range& range, std::uint64_t block) const noexcept {
    return range.addresses.begin() + block * block_bytes_;
  }
  void map_behind(Range& to, const std::vector<std::uint32_t>& more);
  void unmap_beyond(Range& from, std::uint32_t kept) noexcept;
  [[nodiscard]] cudaError_t clear_unknown(Range& range) noexcept;
  void unmap_all(Range& range) noexcept;

  int ordinal_;
  Status& status_;
  DriverMemory driver_;
  std::uint64_t block_bytes_;
  MemoryBlocks memory_;
  Range experts_;
  Range pages_;
};

}  // namespace prophet::cuda
