#include "tests/kv/vllm_replay.hpp"

#include <algorithm>
#include <iterator>
#include <span>

namespace prophet::testing {
namespace {

using Kind = VllmOperation::Kind;
using Ids = VllmOperation::Ids;

constexpr std::uint32_t token_bytes = 16;
constexpr KvGroupId group{0};

std::uint32_t vllm_id(BlockId block) {
  return block.value + 1;
}

std::string text(const Ids& ids) {
  std::string all = "[";
  for (const auto id : ids) {
    if (all.size() > 1) all += ' ';
    all += std::to_string(id);
  }
  return all + "]";
}

std::string text(const std::optional<Ids>& ids) {
  return ids ? text(*ids) : "a refusal";
}

template <class T>
void expect(std::string& difference, const std::string& what, const T& ours, const T& theirs) {
  if (ours == theirs || !difference.empty()) return;
  difference = what + ": ours are " + text(ours) + ", vLLM's " + text(theirs);
}

KvGeometry geometry_of(const VllmScenario& scenario) {
  KvGeometry geometry;
  geometry.groups = {{1, token_bytes, 0, scenario.block_tokens}};
  geometry.page_bytes = std::uint64_t{scenario.block_tokens} * token_bytes;
  return geometry;
}

PageGrid grid_of(const VllmScenario& scenario) {
  const std::uint64_t page_bytes = std::uint64_t{scenario.block_tokens} * token_bytes;
  return PageGrid::plan((scenario.blocks - 1) * page_bytes, 1, page_bytes);
}

/// Tokens of the request that says most.
std::uint32_t longest(const VllmScenario& scenario) {
  std::map<std::uint32_t, std::size_t> tokens;
  std::size_t most = 1;
  for (const auto& operation : scenario.operations) {
    most = std::max(most, tokens[operation.request] += operation.spoken.size());
  }
  return static_cast<std::uint32_t>(most);
}

KvCacheOptions options_of(const VllmScenario& scenario) {
  KvCacheOptions options;
  options.sequences_max = 16;
  options.context_tokens_max = longest(scenario);
  options.prefix_caching = scenario.caching;
  return options;
}

}  // namespace

VllmReplay::VllmReplay(const VllmScenario& scenario)
    : scenario_(scenario), cache_(geometry_of(scenario), grid_of(scenario), options_of(scenario)) {
  cache_.pool().add_slab(SlabId{0});
}

VllmDifferences VllmReplay::step(const VllmOperation& operation) {
  VllmDifferences differences;
  cached_before_ = cached();
  evictions_ = cache_.pool().evictions();
  auto& request = requests_[operation.request];
  switch (operation.kind) {
    case Kind::begin:
    case Kind::say:
      request.tokens.insert(request.tokens.end(), operation.spoken.begin(), operation.spoken.end());
      return differences;
    case Kind::admit:
      admit(operation, differences);
      break;
    case Kind::grow:
      grow(operation, differences);
      break;
    case Kind::free:
    case Kind::preempt:
      cache_.free(*request.sequence);
      request.sequence.reset();
      break;
    case Kind::reset:
      // vLLM asks whether blocks are in use; our caller would, and need not.
      if (operation.reset_done) cache_.pool().forget_all();
      break;
  }
  compare_free(operation, differences);
  return differences;
}

void VllmReplay::admit(const VllmOperation& operation, VllmDifferences& differences) {
  auto& request = requests_[operation.request];
  const auto found = cache_.find_prefix(request.tokens);
  if (found != operation.hits.size() * scenario_.block_tokens) {
    differences.hits = "ours finds " + std::to_string(found) + " tokens in the cache, vLLM the blocks " +
                       text(operation.hits);
  }
  const auto admitted = cache_.admit(request.tokens, operation.tokens);
  std::optional<Ids> allocated;
  if (admitted) {
    request.sequence = admitted->sequence;
    const std::size_t shared = admitted->shared_tokens / scenario_.block_tokens;
    allocated = blocks(admitted->sequence, shared);
    Ids hits = blocks(admitted->sequence, 0);
    hits.resize(std::min(shared, hits.size()));
    expect(differences.hits, "blocks hit", hits, operation.hits);
  }
  compare_allocation(operation, allocated, differences);
}

void VllmReplay::grow(const VllmOperation& operation, VllmDifferences& differences) {
  const auto& request = requests_[operation.request];
  const auto had = blocks(*request.sequence, 0).size();
  const auto wanted = std::span(request.tokens).subspan(cache_.tokens(*request.sequence), operation.tokens);
  std::optional<Ids> allocated;
  if (cache_.append(*request.sequence, wanted)) allocated = blocks(*request.sequence, had);
  compare_allocation(operation, allocated, differences);
}

void VllmReplay::compare_allocation(const VllmOperation& operation, const std::optional<Ids>& allocated,
                                    VllmDifferences& differences) const {
  expect(differences.allocation, "blocks allocated", allocated, operation.allocated);
  Ids evicted;
  for (const auto id : allocated.value_or(Ids{})) {
    if (std::binary_search(cached_before_.begin(), cached_before_.end(), id)) evicted.push_back(id);
  }
  expect(differences.eviction, "blocks evicted", evicted, operation.evicted);
  const auto counted = cache_.pool().evictions() - evictions_;
  if (counted != operation.evicted.size() && differences.eviction.empty()) {
    differences.eviction =
        "ours counts " + std::to_string(counted) + " evictions, vLLM names " + text(operation.evicted);
  }
}

void VllmReplay::compare_free(const VllmOperation& operation, VllmDifferences& differences) const {
  const auto free = free_order();
  if (free.size() != operation.free_blocks && differences.allocation.empty()) {
    differences.allocation = "ours has " + std::to_string(free.size()) + " free blocks, vLLM " +
                             std::to_string(operation.free_blocks);
  }
  if (cache_.pool().free_pages() != free.size() && differences.allocation.empty()) {
    differences.allocation =
        "ours counts " + std::to_string(cache_.pool().free_pages()) + " free pages and lists " + text(free);
  }
  if (order_hash(free) != operation.order && differences.eviction.empty()) {
    differences.eviction =
        "free blocks, next one first: ours are " + text(free) + ", vLLM's are in another order";
  }
}

VllmDifferences VllmReplay::finish() {
  VllmDifferences differences;
  expect(differences.eviction, "blocks cached", cached(), scenario_.cached);
  Ids order;
  for (BlockId block; cache_.pool().allocate(group, {&block, 1});) order.push_back(vllm_id(block));
  expect(differences.eviction, "free blocks in the order in which they are taken", order, scenario_.free);
  for (const auto id : order) {
    const BlockId block{id - 1};
    cache_.pool().release({&block, 1});
  }
  return differences;
}

Ids VllmReplay::blocks(KvSequenceId sequence, std::size_t first) const {
  const auto table = cache_.blocks(sequence, group);
  Ids ids;
  for (std::size_t i = first; i < table.size(); ++i) ids.push_back(vllm_id(table[i]));
  return ids;
}

Ids VllmReplay::cached() const {
  Ids ids;
  for (BlockId block{0}; block.value < cache_.pool().blocks_max(); ++block.value) {
    if (cache_.pool().prefix(block) != no_prefix) ids.push_back(vllm_id(block));
  }
  return ids;
}

Ids VllmReplay::free_order() const {
  const auto& pool = cache_.pool();
  std::vector<BlockId> queue(pool.queued_blocks());
  queue.resize(pool.copy_queue(queue));
  const auto spent =
      std::find_if_not(queue.begin(), queue.end(), [&](BlockId block) { return pool.is_spent(block); });
  Ids ids;
  std::transform(queue.begin(), spent, std::back_inserter(ids), vllm_id);
  // Nothing is reclaimed here, so blank blocks were never used, and go in the order of their ids.
  for (BlockId block{0}; block.value < pool.blocks_max(); ++block.value) {
    if (pool.pages(block).empty()) ids.push_back(vllm_id(block));
  }
  std::transform(spent, queue.end(), std::back_inserter(ids), vllm_id);
  return ids;
}

}  // namespace prophet::testing
