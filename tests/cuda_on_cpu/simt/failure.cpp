#include "tests/cuda_on_cpu/simt/failure.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/cuda_on_cpu/simt/block.hpp"
#include "tests/cuda_on_cpu/simt/language/builtins.hpp"

namespace prophet::simt {
namespace {

constexpr std::size_t groups_shown_max = 12;
constexpr std::size_t threads_shown_max = 6;

template <class Triple>
std::string triple(const Triple& value) {
  return "(" + std::to_string(value.x) + "," + std::to_string(value.y) + "," + std::to_string(value.z) + ")";
}

std::string place(const SourceLine& at) {
  if (at.file == nullptr) return {};
  return std::string(" in ") + at.file + ":" + std::to_string(at.line);
}

std::string what_it_waits_for(const CudaThread& thread) {
  if (thread.state == ThreadState::at_barrier) return std::string("__syncthreads") + place(thread.waits_at);
  char mask[16];
  std::snprintf(mask, sizeof mask, "0x%08x", thread.warp_operation.mask);
  return std::string(name_of(thread.warp_operation.kind)) + " of lanes " + mask + place(thread.waits_at);
}

/// Threads that wait for the same thing.
struct Waiters {
  std::string what;
  std::string some;
  std::size_t count = 0;
};

std::vector<Waiters> collect_waiters(Block& block) {
  std::vector<Waiters> groups;
  for (unsigned rank = 0; rank < block.threads(); ++rank) {
    const CudaThread& thread = block.thread(rank);
    if (thread.state != ThreadState::at_barrier && thread.state != ThreadState::at_warp_operation) continue;
    const std::string what = what_it_waits_for(thread);
    std::size_t group = 0;
    while (group < groups.size() && groups[group].what != what) ++group;
    if (group == groups.size()) groups.push_back({what, {}, 0});
    if (++groups[group].count <= threads_shown_max) groups[group].some += " " + triple(thread.index);
  }
  return groups;
}

void print_waiters(Block& block) {
  const std::vector<Waiters> groups = collect_waiters(block);
  for (std::size_t i = 0; i < groups.size() && i < groups_shown_max; ++i) {
    std::fprintf(stderr, "  waiting at %s: %zu threads:%s%s\n", groups[i].what.c_str(), groups[i].count,
                 groups[i].some.c_str(), groups[i].count > threads_shown_max ? " ..." : "");
  }
  if (groups.size() > groups_shown_max) {
    std::fprintf(stderr, "  and %zu more places\n", groups.size() - groups_shown_max);
  }
}

}  // namespace

void fail(Block& block, const std::string& rule) {
  const Grid& grid = block.grid();
  std::fprintf(
      stderr,
      "\nCUDA rule violated: %s\n  block %s of grid %s, thread %s of %s; %u of %u threads have exited\n",
      rule.c_str(), triple(blockIdx).c_str(), triple(grid.blocks).c_str(), triple(threadIdx).c_str(),
      triple(grid.threads).c_str(), block.exited(), block.threads());
  print_waiters(block);
  std::fprintf(stderr, "  order of threads: PROPHET_SIMT_SEED=%llu repeats it\n",
               static_cast<unsigned long long>(grid.seed));
  std::fflush(stderr);
  std::abort();
}

void fail(const std::string& rule) {
  std::fprintf(stderr, "\nCUDA rule violated: %s\n", rule.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace prophet::simt
