// The slab pool alone. items_per_second are take and give_back calls a second on one core.
#include <benchmark/benchmark.h>

#include <vector>

#include "bench/micro/bench_main.hpp"
#include "runtime/base/random.hpp"
#include "runtime/memory/slab_pool.hpp"

namespace prophet::micro {
namespace {

constexpr std::uint64_t seed = 1;

/// One slab out and back: the pool's best case.
void take_and_give_back(benchmark::State& state) {
  SlabPool pool(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) pool.give_back(*pool.take());
  state.SetItemsProcessed(2 * state.iterations());
}

/// A full pool in which a random slab is given back and taken again.
void churn(benchmark::State& state) {
  SlabPool pool(static_cast<std::uint32_t>(state.range(0)));
  std::vector<SlabId> taken;
  while (const auto slab = pool.take()) taken.push_back(*slab);
  Random random(seed);
  for (auto _ : state) {
    SlabId& slab = taken[random.below(taken.size())];
    pool.give_back(slab);
    slab = *pool.take();
  }
  state.SetItemsProcessed(2 * state.iterations());
}

}  // namespace

void register_benchmarks() {
  benchmark::RegisterBenchmark("slab_pool_take_and_give_back", take_and_give_back)->Arg(196)->Arg(1 << 20);
  benchmark::RegisterBenchmark("slab_pool_churn", churn)->Arg(196)->Arg(1 << 20);
}

}  // namespace prophet::micro
