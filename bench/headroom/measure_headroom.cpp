#include "bench/headroom/measure_headroom.hpp"

#include <algorithm>
#include <vector>

#include "bench/headroom/device_room.hpp"
#include "bench/headroom/placement.hpp"
#include "prophet/limits.hpp"
#include "runtime/engine/kv_geometry_of.hpp"
#include "runtime/kv/kv_cache.hpp"
#include "runtime/memory/slab_pool.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

/// The tokens in whole pages by which sequences grow: those of the group with the largest tokens.
std::uint32_t step_of(const KvGeometry& geometry) {
  std::uint32_t step = limits::kv_page_tokens_max;
  for (const KvGroup& group : geometry.groups) step = std::min(step, group.page_tokens);
  return step;
}

/// What no sequence passes while `batch` of them grow alike in `pages` pages. Sequences that keep only
/// windows could go on for ever, and stop at the model's own context.
std::uint32_t longest_context(const KvGeometry& geometry, std::uint64_t pages,
                              const HeadroomQuestion& question) {
  const std::uint32_t step = step_of(geometry);
  std::uint64_t longest = limits::context_tokens_max;
  bool keeps_all = false;
  for (const KvGroup& group : geometry.groups) {
    if (group.window_tokens != 0) continue;
    keeps_all = true;
    const std::uint64_t blocks = pages / question.batch / group.layers;
    longest = std::min(longest, (blocks + 1) * group.page_tokens + step);
  }
  if (!keeps_all) longest = std::max(step, question.model.context_tokens);
  return static_cast<std::uint32_t>(longest / step * step);
}

/// Whether the arena, experts' slabs included, is as large as what a sequence takes at once, without which
/// there can be no KvCache.
bool has_room_for_a_block(const KvGeometry& geometry, const PageGrid& grid) {
  std::uint32_t largest = geometry.state_pages();
  for (const KvGroup& group : geometry.groups) largest = std::max(largest, group.layers);
  return grid.pages() >= largest;
}

/// Sequences that grow in turn.
class Sequences {
 public:
  Sequences(const KvGeometry& geometry, const PageGrid& grid, const HeadroomQuestion& question)
      : step_(step_of(geometry)),
        batch_(question.batch),
        cache_(geometry, grid, options(geometry, grid, question)) {}

  void lend(SlabId slab) { cache_.pool().add_slab(slab); }

  /// Until one is refused.
  void grow() {
    while (ids_.size() < batch_) {
      const auto admitted = cache_.admit_unnamed(step_);
      if (!admitted) return;
      ids_.push_back(admitted->sequence);
    }
    for (;;) {
      for (const KvSequenceId id : ids_) {
        if (cache_.tokens(id) + step_ > cache_.options().context_tokens_max) return;
        if (!cache_.append_unnamed(id, step_)) return;
      }
    }
  }

  void count(HeadroomTerms& terms) const {
    const BlockPool& pool = cache_.pool();
    terms.pages = pool.lent_pages();
    terms.used_pages = pool.referenced_pages();
    terms.context_tokens = ids_.size() < batch_ ? 0 : limits::context_tokens_max;
    for (const KvSequenceId id : ids_) {
      terms.tokens += cache_.tokens(id);
      terms.context_tokens = std::min<std::uint64_t>(terms.context_tokens, cache_.tokens(id));
      terms.state_pages += state_pages(id).size();
    }
  }

  /// Every page of every sequence, each as often as some sequence holds it.
  [[nodiscard]] std::vector<std::uint32_t> pages() const {
    std::vector<std::uint32_t> pages;
    pages.reserve(cache_.pool().referenced_pages());
    const auto add = [&](std::span<const PageId> some) {
      for (const PageId page : some) pages.push_back(page.value);
    };
    for (const KvSequenceId id : ids_) {
      add(state_pages(id));
      for (std::uint32_t g = 0; g < cache_.geometry().groups.size(); ++g) {
        for (const BlockId block : cache_.blocks(id, KvGroupId{g})) {
          if (block != no_block) add(cache_.pool().pages(block));
        }
      }
    }
    return pages;
  }

 private:
  static KvCacheOptions options(const KvGeometry& geometry, const PageGrid& grid,
                                const HeadroomQuestion& question) {
    KvCacheOptions options;
    options.sequences_max = question.batch;
    options.context_tokens_max = longest_context(geometry, grid.pages(), question);
    options.prefix_caching = false;
    options.prefixes_max = 1;
    return options;
  }

  [[nodiscard]] std::span<const PageId> state_pages(KvSequenceId id) const {
    const BlockId block = cache_.state_block(id);
    return block == no_block ? std::span<const PageId>() : cache_.pool().pages(block);
  }

  std::uint32_t step_;
  std::uint32_t batch_;
  KvCache cache_;
  std::vector<KvSequenceId> ids_;
};

HeadroomTerms terms_of(const DeviceRoom& room, const FixedSizes& sizes, const HeadroomQuestion& question) {
  HeadroomTerms terms;
  terms.room = room;
  terms.weights_bytes = sizes.weights_bytes;
  terms.predictor_bytes = sizes.predictor_bytes;
  terms.workspace_bytes = sizes.workspace_bytes;
  terms.block_table_bytes = sizes.block_table_bytes;
  terms.cache_slabs = question.cache_slabs;
  terms.staging_slabs = question.staging_slabs;
  return terms;
}

/// What the device lacks, 1 where it refused for what rounding costs.
std::uint64_t missing_bytes(const HeadroomTerms& terms, const FixedSizes& sizes) {
  const std::uint64_t slabs = std::uint64_t{terms.cache_slabs} + terms.staging_slabs;
  const std::uint64_t needed = sizes.total_bytes() + slabs * terms.slab_bytes;
  return needed > terms.room.usable_bytes ? needed - terms.room.usable_bytes : 1;
}

/// What the device's own count says that allocations took beyond what was asked for.
std::uint64_t rounding_of(Device& device, const DeviceRoom& room, std::uint64_t asked_bytes) {
  const std::uint64_t now = taken_bytes(device);
  const std::uint64_t taken = now - std::min(now, room.context_bytes);
  return taken > asked_bytes ? taken - asked_bytes : 0;
}

/// Experts take the first slabs; those that are left, to lend.
std::vector<SlabId> slabs_to_lend(const HeadroomTerms& terms) {
  SlabPool slabs(terms.slabs);
  for (std::uint32_t i = 0; i < terms.cache_slabs + terms.staging_slabs; ++i) static_cast<void>(slabs.take());
  std::vector<SlabId> rest;
  while (const auto slab = slabs.take()) rest.push_back(*slab);
  return rest;
}

}  // namespace

MeasuredHeadroom measure_headroom(Device& device, const DeviceRoom& room, const HeadroomQuestion& question,
                                  const MeasureOptions& options) {
  const std::uint64_t expert = expert_bytes(question.model, question.expert_dtype);
  const std::uint64_t stride = Arena::plan(expert, 1).stride_bytes;
  const KvPagePlan plan =
      plan_pages(kv_geometry_of(question.model, question.kv_dtype), stride, question.page_tokens);
  const FixedSizes sizes = fixed_sizes(question, plan.geometry.page_bytes, room.usable_bytes);

  MeasuredHeadroom measured;
  HeadroomTerms& terms = measured.terms;
  terms = terms_of(room, sizes, question);
  terms.expert_bytes = expert;
  terms.slab_bytes = stride;
  terms.page_bytes = plan.geometry.page_bytes;
  const Placement placement(device, sizes, expert, question.cache_slabs + question.staging_slabs,
                            room.usable_bytes);
  if (!placement.placed()) {
    terms.missing_bytes = missing_bytes(terms, sizes);
    return measured;
  }
  const Arena& arena = placement.arena();
  terms.slabs = arena.slabs;
  terms.rest_bytes = room.usable_bytes - sizes.total_bytes() - arena.total_bytes();
  terms.rounding_bytes = rounding_of(device, room, sizes.total_bytes() + arena.total_bytes());
  terms.pages_per_slab = plan.pages_per_slab;

  const PageGrid grid = PageGrid::plan(stride, arena.slabs, plan.geometry.page_bytes);
  const std::vector<SlabId> lent = slabs_to_lend(terms);
  terms.lent_slabs = static_cast<std::uint32_t>(lent.size());
  terms.lent_waste_bytes = terms.lent_slabs * plan.slab_waste_bytes;
  terms.pages = std::uint64_t{terms.lent_slabs} * plan.pages_per_slab;
  if (lent.empty() || !has_room_for_a_block(plan.geometry, grid)) return measured;
  Sequences sequences(plan.geometry, grid, question);
  for (const SlabId slab : lent) sequences.lend(slab);
  sequences.grow();
  sequences.count(terms);
  if (!options.proves_pages) return measured;
  device.declare_units(placement.bytes(), stride, plan.geometry.page_bytes);
  const kernels::PageGrid places{stride, grid.pages_per_slab, static_cast<std::uint32_t>(grid.page_bytes)};
  measured.proof = prove_pages(device, placement.bytes(), places, sequences.pages(), options.seed);
  return measured;
}

}  // namespace prophet
