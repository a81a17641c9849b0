#pragma once

#include <cstddef>

namespace prophet::simt {

/// Every byte of shared memory that no thread has written yet: a NaN in fp64, fp32, fp16, bf16 and both fp8,
/// and -1 or the largest value as an integer.
inline constexpr int poison_byte = 0xFF;

/// Dynamic shared memory of the block that a worker runs. It ends where a page that faults begins, so that an
/// overrun of 16 bytes or more ends the process at once; a shorter one is found when the block is done.
class DynamicShared {
 public:
  DynamicShared();
  ~DynamicShared();
  DynamicShared(const DynamicShared&) = delete;
  DynamicShared& operator=(const DynamicShared&) = delete;

  /// `bytes` of poison for the next block.
  void prepare(std::size_t bytes);
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] bool contains(const void* begin, std::size_t bytes) const;
  /// How far the address lies past the end, where nothing may be touched; 0 when it does not.
  [[nodiscard]] std::size_t bytes_behind(const void* address) const;
  /// False when a thread wrote into the slack behind the last byte.
  [[nodiscard]] bool slack_is_untouched() const;

 private:
  std::byte* region_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Fills memory with poison, unseen by sanitizers.
void fill_with_poison(void* begin, std::size_t bytes);

}  // namespace prophet::simt
