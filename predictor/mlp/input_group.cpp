#include "predictor/mlp/input_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/predictor_mlp.hpp"
#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::array<std::string_view, 5> names{"recent", "early", "before", "popular", "ahead"};
/// Half of what a sequence is judged by are its last three tokens, or its last thirty-four.
constexpr std::array<float, 2> keeps{0.8F, 0.98F};
/// The shares of all experts are top-k together: so many ids tell them.
constexpr std::uint32_t popular_ids = 32;

}  // namespace

std::string_view group_kind_name(GroupKind kind) {
  return names[static_cast<std::size_t>(kind)];
}

GroupKind parse_group_kind(std::string_view name, const std::string& where) {
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}input group '{}' is unknown, expected recent, early, before, popular or ahead",
                            where, name));
  }
  return static_cast<GroupKind>(found - names.begin());
}

std::vector<InputGroup> input_groups(const GroupPlan& plan, const ExpertGrid& grid, std::uint32_t top_k) {
  const std::uint32_t layers = grid.layers;
  std::vector<InputGroup> groups;
  for (std::uint32_t back = 0; back < plan.layers_back; ++back)
    groups.push_back({GroupKind::recent, back, top_k});
  for (std::uint32_t back = 0; top_k > 1 && back < plan.first_back; ++back)
    groups.push_back({GroupKind::recent, back, 1});
  for (std::uint32_t layer = 0; layer < std::min(plan.early, layers); ++layer)
    groups.push_back({GroupKind::early, layer, top_k});
  for (std::uint32_t token = 1; token <= plan.tokens_back; ++token)
    groups.push_back({GroupKind::before, token * layers, top_k});
  const std::uint32_t grain = std::max(1U, popular_ids / top_k);
  for (std::uint32_t decay = 0; decay < std::min<std::size_t>(plan.popular, keeps.size()); ++decay)
    groups.push_back({GroupKind::popular, 0, 0, keeps[decay], grain});
  const std::array ranks{2 * top_k, top_k, top_k / 2, 1U};
  for (std::uint32_t way = 0; way < std::min<std::size_t>(plan.ahead, ranks.size()); ++way) {
    if (ranks[way] != 0 && ranks[way] <= std::min(grid.experts, kernels::predictor_top_k_max))
      groups.push_back({GroupKind::ahead, 0, ranks[way]});
  }
  return groups;
}

std::uint32_t ahead_ranks(std::span<const InputGroup> groups) noexcept {
  std::uint32_t ranks = 0;
  for (const InputGroup& group : groups) {
    if (group.kind == GroupKind::ahead) ranks = std::max(ranks, group.ranks);
  }
  return ranks;
}

}  // namespace prophet
