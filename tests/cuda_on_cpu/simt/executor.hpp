#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>

/// The SIMT executor: runs the threads of CUDA kernels, compiled for the CPU, under CUDA's rules. A rule that
/// a kernel violates ends the process with one paragraph on stderr. See ../README.md for what it notices.
namespace prophet::simt {

/// Runs every thread of the grid once, `body` being one thread's kernel call, and returns when all are done.
/// The limits of grid, block and shared memory are checked by the caller (a violation ends the process).
/// Thread-safe; grids of several callers run one after the other. Its writes are visible to the caller.
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body);

struct Options {
  /// The order in which a block's threads run between two barriers: 0 ascending, 1 descending, else random.
  std::uint64_t seed = 0;
  /// Blocks that run at once. Under AddressSanitizer always 1 (see ../README.md).
  unsigned workers = 1;
};
/// Those in force: what the environment says (PROPHET_SIMT_SEED, PROPHET_SIMT_WORKERS) unless set since.
[[nodiscard]] Options options();
/// Take effect with the next grid.
void set_seed(std::uint64_t seed);
void set_workers(unsigned workers);

/// Since the process began.
struct Statistics {
  std::uint64_t grids = 0;
  std::uint64_t blocks = 0;
  std::uint64_t threads = 0;
  std::uint64_t switches = 0;
};
[[nodiscard]] Statistics statistics();

inline constexpr unsigned block_threads_max = 1024;
inline constexpr std::size_t dynamic_shared_bytes_max = 227 * 1024;

}  // namespace prophet::simt
