#include "tests/cuda_on_cpu/simt/executor.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/cuda_on_cpu/simt/failure.hpp"
#include "tests/cuda_on_cpu/simt/worker_pool.hpp"

namespace prophet::simt {
namespace {

constexpr unsigned workers_max = 64;
// ThreadSanitizer bears about 8,000 threads, and each worker may hold a block of 1,024.
constexpr unsigned workers_under_tsan_max = 4;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == 0) return otherwise;
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (*end != 0) fail(std::string(name) + " is '" + text + "': expected a number");
  return value;
}

unsigned bounded(std::uint64_t workers) {
  // With AddressSanitizer, static shared memory is one for all (see language/qualifiers.hpp).
  if (under_asan()) return 1;
  return static_cast<unsigned>(
      std::clamp<std::uint64_t>(workers, 1, under_tsan() ? workers_under_tsan_max : workers_max));
}

std::atomic<std::uint64_t>& seed() {
  static std::atomic<std::uint64_t> value{from_environment("PROPHET_SIMT_SEED", 0)};
  return value;
}

std::atomic<unsigned>& workers() {
  const std::uint64_t usual = under_tsan() ? workers_under_tsan_max : std::thread::hardware_concurrency();
  static std::atomic<unsigned> value{bounded(from_environment("PROPHET_SIMT_WORKERS", usual))};
  return value;
}

WorkerPool* pool = nullptr;

/// Never destroyed: its threads live as long as the process. A child of fork() has none of them and starts
/// anew.
WorkerPool& the_pool() {
  static const bool made = [] {
    pool = new WorkerPool;
    pthread_atfork(nullptr, nullptr, [] { pool = new WorkerPool; });
    return true;
  }();
  static_cast<void>(made);
  return *pool;
}

void check_shape(dim3 grid, dim3 block, std::size_t shared_bytes) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) fail("a grid without blocks was started");
  if (threads == 0 || threads > block_threads_max) {
    fail("a block of " + std::to_string(threads) + " threads: expected 1 to " +
         std::to_string(block_threads_max));
  }
  if (shared_bytes > dynamic_shared_bytes_max) {
    fail("a block with " + std::to_string(shared_bytes) +
         " bytes of dynamic shared memory: expected at most " + std::to_string(dynamic_shared_bytes_max));
  }
}

}  // namespace

void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body) {
  check_shape(grid, block, shared_bytes);
  Grid launched;
  launched.blocks = grid;
  launched.threads = block;
  launched.shared_bytes = shared_bytes;
  launched.body = &body;
  launched.seed = options().seed;
  the_pool().run(launched, options().workers);
}

Options options() {
  return {seed().load(), workers().load()};
}
void set_seed(std::uint64_t value) {
  seed() = value;
}
void set_workers(unsigned value) {
  workers() = bounded(value);
}
Statistics statistics() {
  return the_pool().statistics();
}

}  // namespace prophet::simt
