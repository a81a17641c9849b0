#include "tests/cuda_on_cpu/simt/device_interface.hpp"

#include <cstdint>
#include <string>

#include "tests/cuda_on_cpu/simt/block.hpp"
#include "tests/cuda_on_cpu/simt/failure.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

namespace prophet::simt {
namespace {

Tag fence_tag;

Block& calling_block(const char* function) {
  if (Block::current() == nullptr) fail(std::string(function) + " was called outside of a kernel");
  return *Block::current();
}

bool is_aligned(const void* address, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
}

void check_copy(Block& block, const void* shared, const void* global, std::size_t bytes,
                std::size_t zero_fill_bytes) {
  const auto in_shared = [&](const void* begin) {
    return block.dynamic_shared().contains(begin, bytes) || block.static_shared().contains(begin, bytes);
  };
  if (bytes != 4 && bytes != 8 && bytes != 16) {
    fail(block, "an asynchronous copy of " + std::to_string(bytes) + " bytes: expected 4, 8 or 16");
  }
  if (zero_fill_bytes > bytes) {
    fail(block, "an asynchronous copy fills " + std::to_string(zero_fill_bytes) + " bytes of " +
                    std::to_string(bytes) + " with zeros");
  }
  if (!is_aligned(shared, bytes) || !is_aligned(global, bytes)) {
    fail(block,
         "an asynchronous copy of " + std::to_string(bytes) + " bytes whose ends are not aligned to as many");
  }
  if (!in_shared(shared)) fail(block, "an asynchronous copy to what is not this block's shared memory");
  if (in_shared(global)) fail(block, "an asynchronous copy from shared memory: expected global memory");
}

}  // namespace

void* dynamic_shared() {
  return calling_block("PROPHET_DYNAMIC_SHARED").dynamic_shared().data();
}

unsigned current_lane() {
  return calling_block("a warp primitive").running().lane();
}

void issue_copy(void* shared, const void* global, std::size_t bytes, std::size_t zero_fill_bytes) {
  Block& block = calling_block("__pipeline_memcpy_async");
  check_copy(block, shared, global, bytes, zero_fill_bytes);
  block.running().copies.issue(shared, global, bytes, zero_fill_bytes);
}

void commit_copies() {
  calling_block("__pipeline_commit").running().copies.commit();
}

void wait_for_copies(std::size_t groups_left) {
  calling_block("__pipeline_wait_prior").running().copies.wait_prior(groups_left);
}

void fence() {
  // ThreadSanitizer knows no fences; one tag for all orders what any two of them would.
  acquire(fence_tag);
  release(fence_tag);
}

void pause() {
  Block& block = calling_block("__nanosleep");
  block.order().push_behind_all(block.running());
  block.suspend();
}

void preempt() {
  Block& block = calling_block("an atomic operation");
  if (block.order().preempts()) pause();
}

void device_failure(const char* what) {
  fail(calling_block(what), what);
}

}  // namespace prophet::simt
