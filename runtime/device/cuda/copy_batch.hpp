#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

struct PlainCopy {
  std::byte* destination = nullptr;
  const std::byte* source = nullptr;
  std::uint64_t size_bytes = 0;
};

/// How copies of one stream that follow each other reach CUDA.
enum class CopyMethod : std::uint8_t {
  plain,  ///< one cudaMemcpyAsync each, at once
  batch,  ///< kept until anything else happens to the stream, then one cudaMemcpyBatchAsync
};

/// Copies that have been asked for and not yet submitted. CUDA promises no order within a batch, so a copy
/// that touches what another one writes does not fit into the same batch.
class CopyBatch {
 public:
  static constexpr std::size_t copies_max = 16;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool fits(const PlainCopy& copy) const noexcept;
  /// REQUIRES: fits(copy).
  void add(const PlainCopy& copy, std::uint64_t tag) noexcept;
  /// Submits all as one operation; one alone, or where CUDA has no batches, as plain copies. Forgets them
  /// either way: what CUDA refused must
  /// not happen later, when the caller has been told and may use the memory for something else.
  void submit(cudaStream_t stream, Status& status);
  void forget() noexcept { count_ = bytes_ = 0; }

  /// Of the copies kept: the first one's tag and all their bytes.
  [[nodiscard]] std::uint64_t tag() const noexcept { return tag_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  void submit_one(std::size_t at, cudaStream_t stream, Status& status);

  std::array<void*, copies_max> destinations_{};
  std::array<const void*, copies_max> sources_{};
  std::array<std::size_t, copies_max> sizes_{};
  std::size_t count_ = 0;
  std::uint64_t tag_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace prophet::cuda
