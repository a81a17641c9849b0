#include "predictor/mlp/input_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::array<std::string_view, 4> names{"recent", "early", "before", "popular"};
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
    throw Error(
        ErrorCode::bad_input,
        fmt::format("{}input group '{}' is unknown, expected recent, early, before or popular", where, name));
  }
  return static_cast<GroupKind>(found - names.begin());
}

std::vector<InputGroup> input_groups(const GroupPlan& plan, std::uint32_t layers, std::uint32_t top_k) {
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
  return groups;
}

}  // namespace prophet
