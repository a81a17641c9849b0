#include "runtime/kv/kv_geometry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t proposals[] = {16, 32, 64, 8, 4, 2, 1};
/// Of a page: whole words of the widest loads and copies.
constexpr std::uint64_t page_unit_bytes = 16;

template <class Number>
void require_between(std::string_view field, std::size_t group, Number value, Number least, Number most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorCode::usage, fmt::format("KV geometry: {} of group {} is {}: expected {} to {}", field,
                                            group, value, least, most));
}

/// All but what a page plan fills in.
void check_model(const KvGeometry& geometry) {
  if (geometry.groups.empty() || geometry.groups.size() > limits::kv_groups_max) {
    throw Error(ErrorCode::usage, fmt::format("KV geometry: {} groups of attention layers: expected 1 to {}",
                                              geometry.groups.size(), limits::kv_groups_max));
  }
  if (geometry.state_bytes > limits::kv_state_bytes_max) {
    throw Error(ErrorCode::usage, fmt::format("KV geometry: {} bytes of recurrent state: expected at most {}",
                                              geometry.state_bytes, limits::kv_state_bytes_max));
  }
  for (std::size_t g = 0; g < geometry.groups.size(); ++g) {
    const KvGroup& group = geometry.groups[g];
    require_between("layers", g, group.layers, 1U, limits::layers_max);
    require_between("token_bytes", g, group.token_bytes, std::uint64_t{1}, limits::kv_token_bytes_max);
    require_between("window_tokens", g, group.window_tokens, 0U, limits::context_tokens_max);
  }
}

/// Bytes of tokens over bytes of pages, as tokens go to infinity.
double waste_of(const KvPagePlan& plan, std::uint64_t slab_bytes) {
  const double paged =
      static_cast<double>(plan.pages_per_slab) * static_cast<double>(plan.geometry.page_bytes);
  return 1 - paged * plan.geometry.page_fill() / static_cast<double>(slab_bytes);
}

std::uint64_t largest_token_bytes(const KvGeometry& geometry) {
  std::uint64_t largest = 0;
  for (const KvGroup& group : geometry.groups) largest = std::max(largest, group.token_bytes);
  return largest;
}

}  // namespace

std::uint32_t KvGeometry::state_pages() const noexcept {
  return static_cast<std::uint32_t>(ceil_div(state_bytes, page_bytes));
}

std::uint64_t KvGeometry::sequence_pages(std::uint64_t tokens) const noexcept {
  std::uint64_t pages = state_pages();
  for (const KvGroup& group : groups) pages += ceil_div(tokens, group.page_tokens) * group.layers;
  return pages;
}

std::uint64_t KvGeometry::decoding_pages(std::uint64_t tokens) const noexcept {
  std::uint64_t pages = state_pages();
  for (const KvGroup& group : groups) {
    const bool slides = group.window_tokens != 0 && tokens > group.window_tokens;
    const std::uint64_t left = slides ? (tokens - group.window_tokens) / group.page_tokens : 0;
    pages += (ceil_div(tokens, group.page_tokens) - left) * group.layers;
  }
  return pages;
}

double KvGeometry::page_fill() const noexcept {
  double token_bytes = 0;  // of one token in all layers
  double paged_bytes = 0;  // its share of pages
  for (const KvGroup& group : groups) {
    token_bytes += static_cast<double>(group.layers) * static_cast<double>(group.token_bytes);
    paged_bytes += static_cast<double>(group.layers) * static_cast<double>(page_bytes) / group.page_tokens;
  }
  return token_bytes / paged_bytes;
}

void KvGeometry::check() const {
  check_model(*this);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const KvGroup& group = groups[g];
    require_between("page_tokens", g, group.page_tokens, 1U, limits::kv_page_tokens_max);
    if (!std::has_single_bit(group.page_tokens)) {
      throw Error(ErrorCode::usage,
                  fmt::format("KV geometry: page_tokens of group {} is {}: expected a power of two", g,
                              group.page_tokens));
    }
    if (group.page_tokens * group.token_bytes > page_bytes) {
      throw Error(ErrorCode::usage,
                  fmt::format("KV geometry: {} tokens of {} bytes of group {} do not fit a page of {} bytes",
                              group.page_tokens, group.token_bytes, g, page_bytes));
    }
  }
}

KvPagePlan plan_pages(KvGeometry model, std::uint64_t slab_bytes, std::uint32_t page_tokens) {
  check_model(model);
  const std::uint64_t largest = largest_token_bytes(model);
  model.page_bytes = checked_round_up(checked_mul(page_tokens, largest, "bytes of a KV page"),
                                      page_unit_bytes, "bytes of a KV page");
  for (KvGroup& group : model.groups) {
    const std::uint64_t fitting =
        group.token_bytes == largest ? page_tokens : std::bit_floor(model.page_bytes / group.token_bytes);
    group.page_tokens =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(fitting, limits::kv_page_tokens_max));
  }
  // The caller's number, not one cut to the limit.
  require_between("page_tokens", 0, page_tokens, 1U, limits::kv_page_tokens_max);
  model.check();
  if (model.page_bytes > slab_bytes) {
    throw Error(ErrorCode::usage,
                fmt::format("KV geometry: a page of {} tokens takes {} bytes: expected at most the slab's {}",
                            page_tokens, model.page_bytes, slab_bytes));
  }
  KvPagePlan plan;
  plan.geometry = std::move(model);
  plan.pages_per_slab = static_cast<std::uint32_t>(slab_bytes / plan.geometry.page_bytes);
  plan.slab_waste_bytes = slab_bytes - plan.pages_per_slab * plan.geometry.page_bytes;
  plan.waste = waste_of(plan, slab_bytes);
  return plan;
}

KvPagePlan propose_pages(KvGeometry model, std::uint64_t slab_bytes) {
  check_model(model);
  const std::uint64_t largest = largest_token_bytes(model);
  KvPagePlan best = plan_pages(model, slab_bytes, 1);
  for (const std::uint32_t page_tokens : proposals) {
    if (page_tokens * largest + page_unit_bytes > slab_bytes) continue;
    KvPagePlan plan = plan_pages(model, slab_bytes, page_tokens);
    if (plan.waste <= kv_waste_max) return plan;
    if (plan.waste < best.waste) best = std::move(plan);
  }
  return best;
}

}  // namespace prophet
