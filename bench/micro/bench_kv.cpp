// The KV cache alone, on one core: no bytes moved. items_per_second are pages (or tokens) a second.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/micro/bench_main.hpp"
#include "runtime/base/random.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet::micro {
namespace {

constexpr std::uint64_t seed = 1;
constexpr std::uint32_t page_tokens = 16;
constexpr std::uint32_t slabs = 1024;
constexpr std::uint32_t pages_per_slab = 288;  ///< Qwen3-30B-A3B: an expert of 9 MiB, a page of 32 KiB

PageGrid grid_of(std::uint32_t pages = pages_per_slab) {
  return {32768, pages, slabs};
}

/// One page is one block: what a page costs, and nothing is shared among the layers of a block.
KvGeometry one_layer() {
  return {{{1, 2048, 0, page_tokens}}, 0, 32768};
}

void lend_all(BlockPool& pool) {
  for (std::uint32_t s = 0; s < slabs; ++s) pool.add_slab(SlabId{s});
}

/// Runs of blocks out and back. The queue holds half of all blocks, in the order in which sequences left
/// them: `scattered` is the worst there is, every block by a different one.
void allocate_and_free(benchmark::State& state, bool scattered) {
  BlockPoolOptions options;
  options.block_pages = {1};
  BlockPool pool(grid_of(), options);
  lend_all(pool);
  std::vector<BlockId> all(pool.blocks_max());
  (void)pool.allocate(KvGroupId{0}, all);
  Random random(seed);
  for (std::size_t i = all.size(); scattered && i-- > 1;) std::swap(all[i], all[random.below(i + 1)]);
  pool.release(std::span(all).first(all.size() / 2));
  std::vector<BlockId> run(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!pool.allocate(KvGroupId{0}, run)) state.SkipWithError("no room");
    std::reverse(run.begin(), run.end());
    pool.release(run);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  pool.release(std::span(all).last(all.size() - all.size() / 2));
}

/// The page pool below it, of which blocks without pages take theirs.
void take_and_give_back(benchmark::State& state) {
  PagePool pool(grid_of());
  for (std::uint32_t s = 0; s < slabs; ++s) pool.add_slab(SlabId{s});
  std::vector<PageId> run(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!pool.take(run)) state.SkipWithError("no room");
    pool.give_back(run);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

KvCacheOptions options_of(std::uint32_t sequences, std::uint32_t context_tokens) {
  KvCacheOptions options;
  options.sequences_max = sequences;
  options.context_tokens_max = context_tokens;
  return options;
}

std::vector<std::vector<std::uint32_t>> draw_prompts(std::size_t count, std::size_t tokens) {
  Random random(seed);
  std::vector<std::vector<std::uint32_t>> prompts(count, std::vector<std::uint32_t>(tokens));
  for (auto& prompt : prompts) {
    for (auto& token : prompt) token = static_cast<std::uint32_t>(random.below(150'000));
  }
  return prompts;
}

/// Whole sequences of new tokens: pages are named, cached and, once all have been used, evicted.
void admit_and_free(benchmark::State& state) {
  const auto pages = static_cast<std::size_t>(state.range(0));
  KvCache cache(one_layer(), grid_of(), options_of(4, 1U << 17));
  lend_all(cache.pool());
  auto prompts = draw_prompts(64, pages * page_tokens);
  std::uint32_t round = 0;
  for (auto _ : state) {
    auto& prompt = prompts[round++ % prompts.size()];
    prompt.front() = 150'000 + round;  // like no other
    cache.free(cache.admit(prompt)->sequence);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// One of 64 cached prompts of so many pages, in turn.
void find_prefix(benchmark::State& state) {
  const auto pages = static_cast<std::size_t>(state.range(0));
  KvCache cache(one_layer(), grid_of(), options_of(4, 1U << 17));
  lend_all(cache.pool());
  const auto prompts = draw_prompts(64, pages * page_tokens + 1);
  for (const auto& prompt : prompts) cache.free(cache.admit(prompt)->sequence);
  std::size_t round = 0;
  for (auto _ : state) {
    const std::uint32_t found = cache.find_prefix(prompts[round++ % prompts.size()]);
    if (found != pages * page_tokens) state.SkipWithError("a prefix is not found");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// A slab comes and goes again without a page of it used; other slabs hold sequences.
void lend_and_reclaim(benchmark::State& state) {
  KvCache cache(one_layer(), grid_of(static_cast<std::uint32_t>(state.range(0))), options_of(4, 1U << 17));
  for (std::uint32_t s = 1; s < 9; ++s) cache.pool().add_slab(SlabId{s});
  (void)cache.admit_unnamed(1000);
  for (auto _ : state) {
    cache.pool().add_slab(SlabId{0});
    (void)cache.pool().plan_reclaim(SlabId{0});
    if (!cache.pool().commit_reclaim(SlabId{0})) state.SkipWithError("the slab was used");
  }
}

/// Every page of the slab is live and moves; then it is lent again, and the pages move back later.
void reclaim_full_slab(benchmark::State& state) {
  const auto pages = static_cast<std::uint32_t>(state.range(0));
  KvCache cache(one_layer(), grid_of(pages), options_of(4, 1U << 18));
  cache.pool().add_slab(SlabId{0});
  (void)cache.admit_unnamed(pages * page_tokens);
  cache.pool().add_slab(SlabId{1});
  std::uint32_t full = 0;
  for (auto _ : state) {
    const ReclaimPlan plan = cache.pool().plan_reclaim(SlabId{full});
    if (plan.moves.size() != pages) state.SkipWithError("the slab is not full");
    (void)cache.pool().commit_reclaim(SlabId{full});
    cache.pool().finish_reclaim(SlabId{full});
    cache.pool().add_slab(SlabId{full});
    full = 1 - full;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// 64 sequences grow by a token each; when they are long they end and others begin.
void decode_step(benchmark::State& state) {
  constexpr std::uint32_t lanes = 64;
  KvCache cache({{{48, 2048, 0, page_tokens}}, 0, 32768}, grid_of(), options_of(lanes, 1024));
  lend_all(cache.pool());
  const auto prompts = draw_prompts(lanes, 512);
  std::vector<KvSequenceId> ids;
  for (const auto& prompt : prompts) ids.push_back(cache.admit(prompt)->sequence);
  std::uint32_t token = 0;
  for (auto _ : state) {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      if (cache.tokens(ids[lane]) == 1024) {
        cache.free(ids[lane]);
        ids[lane] = cache.admit(prompts[lane])->sequence;
      }
      ++token;
      if (!cache.append(ids[lane], std::span(&token, 1))) state.SkipWithError("no room");
    }
  }
  state.SetItemsProcessed(state.iterations() * lanes);
}

}  // namespace

void register_benchmarks() {
  benchmark::RegisterBenchmark("kv_allocate_and_free", allocate_and_free, false)->Arg(256)->Arg(1);
  benchmark::RegisterBenchmark("kv_allocate_and_free_scattered", allocate_and_free, true)->Arg(256)->Arg(1);
  benchmark::RegisterBenchmark("kv_take_and_give_back", take_and_give_back)->Arg(256)->Arg(1);
  benchmark::RegisterBenchmark("kv_admit_and_free", admit_and_free)->Arg(256)->Arg(1);
  benchmark::RegisterBenchmark("kv_find_prefix", find_prefix)->Arg(1000);
  benchmark::RegisterBenchmark("kv_lend_and_reclaim", lend_and_reclaim)->Arg(pages_per_slab)->Arg(5376);
  benchmark::RegisterBenchmark("kv_reclaim_full_slab", reclaim_full_slab)->Arg(pages_per_slab);
  benchmark::RegisterBenchmark("kv_decode_step", decode_step);
}

}  // namespace prophet::micro
