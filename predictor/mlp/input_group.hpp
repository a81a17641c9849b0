#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// Where the experts of one part of a net's input come from.
enum class GroupKind : std::uint8_t {
  recent,   ///< what the token chose `distance` layers before the newest that is known: 0 is that layer
  early,    ///< what the token chose at layer `distance`, which tells what token it is
  before,   ///< what was chosen `distance` layers before the target, counted on through the tokens before
  popular,  ///< what the sequence uses at the target, the more an expert is used the more often
  ahead,    ///< what the target's router says of the hidden state that the forecast is made from, if a model
            ///< runs
};

/// One part of a net's input: a list of expert ids, whose rows of weights are added. An expert that stands in
/// it twice counts twice. A lane that has seen too little names fewer.
struct InputGroup {
  GroupKind kind = GroupKind::recent;
  std::uint32_t distance = 0;  ///< of all but popular and ahead, in layers
  std::uint32_t ranks = 0;     ///< of all but popular: the router's first so many choices
  /// Of popular: the share of tokens that use an expert decays by so much a token, and
  float keep = 0;
  std::uint32_t grain = 0;  ///< is told in parts of 1 / grain

  friend bool operator==(const InputGroup&, const InputGroup&) = default;
};

[[nodiscard]] std::string_view group_kind_name(GroupKind kind);
/// Throws Error{bad_input} for a name that is none, with `where` in front.
[[nodiscard]] GroupKind parse_group_kind(std::string_view name, const std::string& where);

/// How much a net is told: the fewer groups, the fewer parameters.
struct GroupPlan {
  std::uint32_t layers_back = 8;  ///< recent layers, each once by all its experts
  std::uint32_t first_back = 4;   ///< and once more by the router's first choice alone
  std::uint32_t early = 4;        ///< the token's first layers
  std::uint32_t tokens_back = 2;  ///< tokens before, at the target
  std::uint32_t popular = 2;      ///< decays of popularity, at most 2
  /// Ways to tell the target's router applied ahead, at most 4: by its first 2k choices, k, k / 2 and 1.
  std::uint32_t ahead = 0;
};

/// The groups of a plan, for a model of `grid` and a top-k router.
[[nodiscard]] std::vector<InputGroup> input_groups(const GroupPlan& plan, const ExpertGrid& grid,
                                                   std::uint32_t top_k);

/// The most choices of a router applied ahead that a group tells; 0: none tells any.
[[nodiscard]] std::uint32_t ahead_ranks(std::span<const InputGroup> groups) noexcept;

}  // namespace prophet
