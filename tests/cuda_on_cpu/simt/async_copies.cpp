#include "tests/cuda_on_cpu/simt/async_copies.hpp"

#include <cstring>

#include "tests/cuda_on_cpu/simt/sanitizers.hpp"
#include "tests/cuda_on_cpu/simt/shared_memory.hpp"

namespace prophet::simt {

void AsyncCopies::issue(void* shared, const void* global, std::size_t bytes, std::size_t zero_fill_bytes) {
  // The library's memset and memcpy, so that the sanitizers see the accesses as the thread's own.
  std::memset(shared, poison_byte, bytes);
  if (__tsan_read_range != nullptr) __tsan_read_range(const_cast<void*>(global), bytes - zero_fill_bytes);
  const IgnoreAccesses ignore;
  copies_.push_back({shared, global, bytes, zero_fill_bytes});
}

void AsyncCopies::commit() {
  const IgnoreAccesses ignore;
  groups_.push_back({copies_.size()});
}

void AsyncCopies::carry_out(const Copy& copy) {
  const std::size_t copied = copy.bytes - copy.zero_fill_bytes;
  std::memcpy(copy.shared, copy.global, copied);
  std::memset(static_cast<std::byte*>(copy.shared) + copied, 0, copy.zero_fill_bytes);
}

void AsyncCopies::wait_prior(std::size_t groups) {
  for (; groups_.size() - groups_done_ > groups; ++groups_done_) {
    for (; done_ < groups_[groups_done_].end; ++done_) carry_out(copies_[done_]);
  }
  if (groups_done_ == groups_.size() && done_ == copies_.size()) reset();
}

void AsyncCopies::reset() {
  copies_.clear();
  groups_.clear();
  done_ = 0;
  groups_done_ = 0;
}

}  // namespace prophet::simt
