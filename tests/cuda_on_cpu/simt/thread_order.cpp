#include "tests/cuda_on_cpu/simt/thread_order.hpp"

#include <utility>

#include "tests/cuda_on_cpu/simt/executor.hpp"

namespace prophet::simt {
namespace {

constexpr std::uint64_t ascending = 0;
constexpr std::uint64_t descending = 1;
constexpr std::uint64_t preempted_one_in = 8;

}  // namespace

ThreadOrder::ThreadOrder()
    : start_order_(std::make_unique<unsigned[]>(block_threads_max)),
      ring_(std::make_unique<CudaThread*[]>(block_threads_max)) {}

void ThreadOrder::reset(std::uint64_t seed, std::uint64_t block_number, unsigned threads) {
  seed_ = seed;
  state_ = seed * 0x9E3779B97F4A7C15ULL + block_number * 0xD1B54A32D192ED03ULL;
  threads_ = threads;
  started_ = first_ = waiting_ = 0;
  for (unsigned i = 0; i < threads; ++i) start_order_[i] = seed == descending ? threads - 1 - i : i;
  if (seed == ascending || seed == descending) return;
  for (unsigned i = threads; i > 1; --i) std::swap(start_order_[i - 1], start_order_[random_below(i)]);
}

// splitmix64, https://prng.di.unimi.it/splitmix64.c; the bias of the remainder does not matter here.
std::uint64_t ThreadOrder::random_below(std::uint64_t bound) {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return (z ^ (z >> 31U)) % bound;
}

bool ThreadOrder::prefers_not_started() {
  return seed_ == ascending || seed_ == descending || random_below(2) == 0;
}

bool ThreadOrder::preempts() {
  return seed_ != ascending && seed_ != descending && random_below(preempted_one_in) == 0;
}

void ThreadOrder::push(CudaThread& thread) {
  ring_[(first_ + waiting_) % block_threads_max] = &thread;
  ++waiting_;
}

void ThreadOrder::push_behind_all(CudaThread& thread) {
  if (seed_ != descending) return push(thread);
  first_ = (first_ + block_threads_max - 1) % block_threads_max;
  ring_[first_] = &thread;
  ++waiting_;
}

CudaThread& ThreadOrder::take_runnable() {
  --waiting_;
  if (seed_ == descending) return *ring_[(first_ + waiting_) % block_threads_max];
  CudaThread*& first = ring_[first_];
  if (seed_ != ascending) std::swap(first, ring_[(first_ + random_below(waiting_ + 1)) % block_threads_max]);
  first_ = (first_ + 1) % block_threads_max;
  return *first;
}

}  // namespace prophet::simt
