// Exact hit counts of whole request streams. items_per_second are requests a second on one core.
#include <benchmark/benchmark.h>

#include <functional>
#include <memory>
#include <string>

#include "bench/micro/bench_main.hpp"
#include "bench/micro/request_streams.hpp"
#include "runtime/cache/miss_ratio_curve.hpp"

namespace prophet::micro {
namespace {

using Count = std::function<std::uint64_t(const RequestGroups&)>;

void register_count(const std::string& name, std::shared_ptr<const RequestGroups> requests, Count count) {
  benchmark::RegisterBenchmark(name.c_str(), [requests = std::move(requests),
                                              count = std::move(count)](benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(count(*requests));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(requests->requests()));
  })->Unit(benchmark::kMillisecond);
}

void register_stream(const std::string& name, RequestGroups stream) {
  const auto requests = std::make_shared<const RequestGroups>(std::move(stream));
  const std::uint32_t quarter = requests->grid.size() / 4;
  register_count("curve_lru/" + name, requests,
                 [](const RequestGroups& r) { return lru_curve(r).hits.back(); });
  register_count("curve_belady_one_size/" + name, requests,
                 [quarter](const RequestGroups& r) { return belady_hits(r, quarter); });
  register_count("curve_grouped_belady_one_size/" + name, requests,
                 [quarter](const RequestGroups& r) { return grouped_belady_hits(r, quarter); });
}

}  // namespace

void register_benchmarks() {
  register_stream("synthetic", synthetic_requests({}));
  register_stream("synthetic_58x256",
                  synthetic_requests({.layers = 58, .experts = 256, .top_k = 8, .steps = 2'000}));
  if (auto traced = traced_requests()) register_stream("trace", std::move(*traced));
}

}  // namespace prophet::micro
