#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/resolve.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/kernels/resolve_lists.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::ResolvedLists;
using testing::RoutingCase;

/// One layer of `tokens` tokens, whose experts differ within a token, as a trace demands.
RoutingCase distinct_routing(Random& random) {
  RoutingCase routing;
  routing.experts = static_cast<std::uint32_t>(1 + random.below(resolve_experts_max));
  routing.top_k = static_cast<std::uint32_t>(1 + random.below(std::min(16U, routing.experts)));
  routing.tokens = static_cast<std::uint32_t>(1 + random.below(64));
  std::vector<std::uint32_t> experts(routing.experts);
  std::iota(experts.begin(), experts.end(), 0U);
  for (std::uint32_t t = 0; t < routing.tokens; ++t) {
    for (std::size_t r = 0; r < routing.top_k; ++r)
      std::swap(experts[r], experts[r + random.below(experts.size() - r)]);
    routing.ids.insert(routing.ids.end(), experts.begin(), experts.begin() + routing.top_k);
  }
  routing.slab_of.assign(routing.experts, 0);
  return routing;
}

RoutingTrace trace_of(const RoutingCase& routing) {
  std::vector<std::byte> ids;
  for (const std::uint32_t id : routing.ids) {
    ids.push_back(static_cast<std::byte>(id & 0xff));
    if (routing.experts > 256) ids.push_back(static_cast<std::byte>(id >> 8));
  }
  return RoutingTrace({{1, routing.experts}, routing.top_k, 0, 1}, {}, {{0, routing.tokens, 0, 0}}, ids, {});
}

TEST(ResolveOrder, IsThatOfTheEnginesLayerRequests) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 50; ++repetition) {
    const RoutingCase routing = distinct_routing(random);
    const RoutingTrace trace = trace_of(routing);
    std::vector<StepToken> tokens;
    for (std::uint32_t t = 0; t < routing.tokens; ++t) tokens.push_back({LaneId{t}, t, false});
    LayerRequests requests(trace.shape().grid, routing.top_k, routing.tokens);
    read_choices(trace, LayerId{0}, tokens, requests.choices(tokens.size()));
    requests.gather(LayerId{0}, tokens.size());
    ResolvedLists lists(routing);
    ResolveReport report{};
    const std::byte slab{};
    const SlabTable table{routing.slab_of.data(), routing.experts, 1, &slab, 1};
    ASSERT_EQ(resolve(routing.ids, routing.top_k, table, lists.view(), &report), Status::ok);
    ASSERT_EQ(lists.counts[0], requests.wanted().size());
    for (std::size_t d = 0; d < requests.wanted().size(); ++d) {
      ASSERT_EQ(trace.shape().grid.index(LayerId{0}, ExpertId{lists.experts[d]}), requests.wanted()[d]);
      ASSERT_EQ(lists.first_row[d], requests.first_output(d));
      for (std::size_t i = 0; i < requests.rows(d).size(); ++i) {
        ASSERT_EQ(lists.rows[lists.first_row[d] + i], requests.rows(d)[i]);
      }
    }
    for (std::size_t c = 0; c < routing.ids.size(); ++c) ASSERT_EQ(lists.slots[c], requests.slots()[c]);
  }
}

}  // namespace
}  // namespace prophet::kernels
