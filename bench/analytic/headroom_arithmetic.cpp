#include "bench/analytic/headroom_arithmetic.hpp"

#include <algorithm>
#include <array>

#include "bench/analytic/kv_arithmetic.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::analytic {
namespace {

constexpr std::uint64_t slab_alignment_bytes = 256;
constexpr std::uint64_t number_bytes = 4;

std::uint64_t up_to(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::uint64_t less(std::uint64_t from, std::uint64_t what) {
  return from > what ? from - what : 0;
}

/// K and V of one token in the layer that has most of them.
std::uint64_t kv_values(const ModelShape& model) {
  std::uint64_t most = 0;
  for (const KvLayers& run : model.kv) most = std::max(most, layer_token_bytes(run, Dtype::fp8));
  return most;
}

/// What is taken before the arena.
void set_fixed_terms(HeadroomTerms& terms, const HeadroomQuestion& question, const KvCost& cost) {
  const ModelShape& model = question.model;
  terms.weights_bytes = non_expert_bytes(model, model.dtype);
  terms.predictor_bytes = question.predictor_bytes;
  terms.workspace_bytes = workspace_bytes(question);
  terms.block_table_bytes =
      number_bytes * std::max<std::uint64_t>(1, terms.room.usable_bytes / cost.page_bytes);
}

struct Taken {
  std::uint64_t asked_bytes = 0;
  std::uint64_t granted_bytes = 0;
};

Taken taken_before_arena(const HeadroomTerms& terms) {
  Taken taken;
  for (const std::uint64_t bytes :
       {terms.weights_bytes, terms.predictor_bytes, terms.workspace_bytes, terms.block_table_bytes}) {
    taken.asked_bytes += bytes;
    taken.granted_bytes += up_to(bytes, terms.room.granularity_bytes);
  }
  return taken;
}

/// The largest allocation that the device grants after these.
std::uint64_t arena_bytes_max(const DeviceRoom& room, const Taken& taken) {
  const std::uint64_t by_prophet = less(room.usable_bytes, taken.asked_bytes);
  const std::uint64_t by_device = less(room.usable_bytes + room.reserve_bytes, taken.granted_bytes);
  return std::min(by_prophet, by_device / room.granularity_bytes * room.granularity_bytes);
}

void count_pages(HeadroomTerms& terms) {
  terms.lent_slabs = terms.slabs - terms.cache_slabs - terms.staging_slabs;
  terms.pages_per_slab = static_cast<std::uint32_t>(terms.slab_bytes / terms.page_bytes);
  terms.pages = std::uint64_t{terms.lent_slabs} * terms.pages_per_slab;
  terms.lent_waste_bytes = terms.lent_slabs * (terms.slab_bytes - terms.pages_per_slab * terms.page_bytes);
}

/// Sequences grow in turn, a page's tokens at a time, until one is refused. One that holds no token has no
/// pages either.
void count_tokens(HeadroomTerms& terms, const KvCost& cost, std::uint64_t batch) {
  const std::uint64_t each = tokens_of_each(cost, terms.pages, batch);
  const std::uint64_t pages_each = pages_of(cost, each);
  const std::uint64_t next = pages_of(cost, each + cost.page_tokens) - pages_each;
  const std::uint64_t even = batch * pages_each;
  const bool at_an_end = next == 0 || each + cost.page_tokens > cost.tokens_max;
  const std::uint64_t further = at_an_end ? 0 : (terms.pages - even) / next;
  terms.state_pages = (each == 0 ? further : batch) * cost.state_pages;
  terms.used_pages = even + further * next;
  terms.context_tokens = each;
  terms.tokens = batch * each + further * cost.page_tokens;
}

}  // namespace

std::uint64_t workspace_bytes(const HeadroomQuestion& question) {
  const ModelShape& model = question.model;
  const std::uint64_t tokens = std::max(question.step_tokens, question.batch);
  const std::uint64_t hidden = model.hidden_size;
  const std::uint64_t beside = model.ffn_width == 0 ? 0 : 2 * std::uint64_t{model.ffn_width} + hidden;
  const std::uint64_t row = (2 + model.top_k) * hidden + 2 * std::uint64_t{model.query_values} +
                            kv_values(model) + model.grid.experts + 2 * std::uint64_t{model.top_k} + beside;
  return number_bytes * (tokens * row + std::uint64_t{question.batch} * model.vocab_size);
}

HeadroomTerms headroom(const HeadroomQuestion& question, const DeviceRoom& room) {
  const KvCost cost = kv_cost(question.model, question.kv_dtype, question.page_tokens);
  HeadroomTerms terms;
  terms.room = room;
  terms.page_bytes = cost.page_bytes;
  set_fixed_terms(terms, question, cost);
  terms.expert_bytes = expert_bytes(question.model, question.expert_dtype);
  terms.slab_bytes = up_to(terms.expert_bytes, slab_alignment_bytes);
  terms.cache_slabs = question.cache_slabs;
  terms.staging_slabs = question.staging_slabs;

  const Taken taken = taken_before_arena(terms);
  const std::uint64_t largest = arena_bytes_max(room, taken);
  const std::uint64_t wanted = std::uint64_t{terms.cache_slabs} + terms.staging_slabs;
  terms.slabs =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(largest / terms.slab_bytes, limits::slabs_max));
  if (terms.slabs < wanted) {
    terms.missing_bytes = taken.asked_bytes + wanted * terms.slab_bytes -
                          std::min(room.usable_bytes, taken.asked_bytes + largest);
    terms.slabs = 0;
    return terms;
  }
  const std::uint64_t arena = terms.slabs * terms.slab_bytes;
  terms.rest_bytes = room.usable_bytes - taken.asked_bytes - arena;
  terms.rounding_bytes =
      taken.granted_bytes + up_to(arena, room.granularity_bytes) - taken.asked_bytes - arena;
  count_pages(terms);
  count_tokens(terms, cost, question.batch);
  return terms;
}

std::uint64_t closed_form_tokens(const HeadroomQuestion& question, const DeviceRoom& room) {
  const ModelShape& model = question.model;
  const std::uint64_t experts = question.cache_slabs * expert_bytes(model, question.expert_dtype);
  const std::uint64_t of_token = token_bytes(model, question.kv_dtype);
  const std::uint64_t left = less(room.usable_bytes, non_expert_bytes(model, model.dtype) + experts);
  return of_token == 0 ? 0 : left / of_token;
}

}  // namespace prophet::analytic
