// The expert cache alone: requests of real or drawn routing through acquire and release, no bytes moved.
// items_per_second are lookups a second on one core.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/micro/bench_main.hpp"
#include "bench/micro/request_streams.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet::micro {
namespace {

constexpr CacheSize slabs{.cache_slabs = 192, .staging_slabs = 4};

/// A stream with what policies that calibrate or look ahead need to know of it.
struct Stream {
  RequestGroups requests;
  std::vector<std::uint64_t> popularity;
};

std::shared_ptr<const Stream> make_stream(RequestGroups requests) {
  std::vector<std::uint64_t> popularity(requests.grid.size());
  for (const ExpertIndex expert : requests.experts) ++popularity[expert.index()];
  return std::make_shared<const Stream>(Stream{std::move(requests), std::move(popularity)});
}

ExpertCache make_cache(const std::string& policy, const Stream& stream) {
  PolicyOptions options;
  options.grid = stream.requests.grid;
  options.cache_slabs = slabs.cache_slabs;
  options.popularity = stream.popularity;
  options.future = &stream.requests;
  return ExpertCache(options.grid, slabs, make_policy(policy, options));
}

std::uint64_t replay(ExpertCache& cache, const RequestGroups& requests) {
  std::uint64_t hits = 0;
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    const LayerId layer{static_cast<std::uint32_t>(group % requests.grid.layers)};
    cache.begin_layer(layer, group / requests.grid.layers);
    LayerLease lease = cache.acquire(requests.group(group));
    hits += lease.hits().size();
    for (const Acquired& miss : lease.misses()) cache.complete(miss.ticket);
    lease.release();
    cache.end_layer(layer);
  }
  return hits;
}

void run_cache(benchmark::State& state, const std::string& policy, const Stream& stream) {
  std::uint64_t hits = 0;
  for (auto _ : state) {
    state.PauseTiming();
    ExpertCache cache = make_cache(policy, stream);
    state.ResumeTiming();
    hits = replay(cache, stream.requests);
  }
  const auto requests = static_cast<std::int64_t>(stream.requests.requests());
  state.SetItemsProcessed(state.iterations() * requests);
  state.counters["hit_rate"] = static_cast<double>(hits) / static_cast<double>(requests);
}

void register_stream(const std::string& name, RequestGroups requests) {
  const std::shared_ptr<const Stream> stream = make_stream(std::move(requests));
  for (const std::string& policy : policy_names()) {
    benchmark::RegisterBenchmark(("cache_" + policy + "/" + name).c_str(), [policy,
                                                                            stream](benchmark::State& state) {
      run_cache(state, policy, *stream);
    })->Unit(benchmark::kMillisecond);
  }
}

}  // namespace

void register_benchmarks() {
  register_stream("synthetic", synthetic_requests({}));
  if (auto traced = traced_requests()) register_stream("trace", std::move(*traced));
}

}  // namespace prophet::micro
