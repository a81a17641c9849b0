#include <cstddef>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/ids.hpp"
#include "runtime/base/version.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace {

// Two tokens through one layer of four experts, two chosen a token.
prophet::RoutingTrace two_tokens() {
  const prophet::TraceShape shape{.grid = {.layers = 1, .experts = 4}, .top_k = 2};
  const prophet::TraceProvenance provenance{
      .model = "toy", .source = "consumer", .licence = "Apache-2.0", .note = "", .synthetic = true};
  const std::vector<std::byte> ids{std::byte{0}, std::byte{3}, std::byte{3}, std::byte{1}};
  return prophet::RoutingTrace(shape, provenance, {{.first_token = 0, .tokens = 2}}, ids, {});
}

// Both tokens through a cache of three slabs: the second finds one of its two experts there.
bool cache_finds_second_token_half(const prophet::RoutingTrace& trace) {
  const prophet::ExpertGrid grid = trace.shape().grid;
  auto policy = prophet::make_policy("lru", {.grid = grid, .cache_slabs = 3});
  prophet::ExpertCache cache(grid, {.cache_slabs = 3, .staging_slabs = 2}, std::move(policy));
  const std::vector<prophet::ExpertIndex> first{prophet::ExpertIndex{0}, prophet::ExpertIndex{3}};
  const std::vector<prophet::ExpertIndex> second{prophet::ExpertIndex{1}, prophet::ExpertIndex{3}};
  {
    const prophet::LayerLease lease = cache.acquire(first);
    for (const prophet::Acquired& miss : lease.misses()) cache.complete(miss.ticket);
  }
  const prophet::LayerLease lease = cache.acquire(second);
  for (const prophet::Acquired& miss : lease.misses()) cache.complete(miss.ticket);
  return lease.hits().size() == 1 && lease.misses().size() == 1;
}

bool refuses_expert_beyond_shape() {
  try {
    const prophet::TraceShape shape{.grid = {.layers = 1, .experts = 4}, .top_k = 1};
    const prophet::RoutingTrace trace(shape, {}, {{.first_token = 0, .tokens = 1}}, {std::byte{4}}, {});
    return false;
  } catch (const prophet::Error& error) {
    return error.code() == prophet::ErrorCode::bad_input;
  }
}

}  // namespace

int main() {
  try {
    const prophet::RoutingTrace trace = two_tokens();
    const prophet::ExpertId first = trace.expert(1, prophet::LayerId{0}, 0);
    const bool ok = trace.tokens() == 2 && first == prophet::ExpertId{3} &&
                    cache_finds_second_token_half(trace) && refuses_expert_beyond_shape();
    const auto version = prophet::program_version().version;
    std::printf("prophet %.*s: %s\n", static_cast<int>(version.size()), version.data(), ok ? "ok" : "wrong");
    return ok ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
  }
}
