#include "predictor/mlp/lane_history.hpp"

#include <algorithm>
#include <numeric>

namespace prophet {
namespace {

/// A gain beyond it is brought down by it, and the scores with it: a power of two, so nothing is rounded.
constexpr float gain_max = 0x1p60F;
/// Of a grain, four fifths are added: what is used at all is told apart from what is not.
constexpr float grain_rounding = 0.8F;

std::vector<float> decays_of(std::span<const InputGroup> groups) {
  std::vector<float> keeps;
  for (const InputGroup& group : groups) {
    if (group.kind != GroupKind::popular) continue;
    if (std::find(keeps.begin(), keeps.end(), group.keep) == keeps.end()) keeps.push_back(group.keep);
  }
  return keeps;
}

/// Of one layer, before the one that comes next.
std::uint32_t tokens_within(std::span<const InputGroup> groups, std::uint32_t layers) {
  std::uint32_t distance_max = 0;
  for (const InputGroup& group : groups) {
    if (group.kind != GroupKind::early) distance_max = std::max(distance_max, group.distance);
  }
  return distance_max / layers + 2;
}

}  // namespace

LaneHistory::LaneHistory(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes,
                         std::span<const InputGroup> groups, std::uint32_t lookahead_layers)
    : grid_(grid),
      top_k_(top_k),
      lanes_(lanes),
      // The lookahead may add a token.
      tokens_kept_(tokens_within(groups, grid.layers) + 1),
      keeps_(decays_of(groups)),
      tokens_(std::size_t{lanes} * grid.layers),
      chosen_(tokens_.size() * tokens_kept_ * top_k),
      uses_(tokens_.size() * keeps_.size()),
      scores_(uses_.size() * grid.experts),
      order_(scores_.size()),
      ahead_ranks_(prophet::ahead_ranks(groups)),
      lookahead_layers_(ahead_ranks_ == 0 ? 0 : lookahead_layers),
      said_at_(tokens_.size() * lookahead_layers_),
      said_(said_at_.size() * ahead_ranks_) {
  for (std::size_t u = 0; u < uses_.size(); ++u)
    uses_[u].first = static_cast<std::uint32_t>(u * grid.experts);
  for (std::uint32_t lane = 0; lane < lanes; ++lane) forget(LaneId{lane});
}

void LaneHistory::forget(LaneId lane) {
  const auto first = tokens_.begin() + static_cast<std::ptrdiff_t>(place(lane, LayerId{0}));
  std::fill_n(first, grid_.layers, 0U);
  std::fill_n(said_at_.begin() + static_cast<std::ptrdiff_t>(place(lane, LayerId{0}) * lookahead_layers_),
              std::size_t{grid_.layers} * lookahead_layers_, 0U);
  const std::size_t uses = grid_.layers * keeps_.size();
  for (std::size_t u = lane.index() * uses; u < (lane.index() + 1) * uses; ++u) {
    uses_[u].gain = 1;
    const auto scores = std::span(scores_).subspan(uses_[u].first, grid_.experts);
    const auto order = std::span(order_).subspan(uses_[u].first, grid_.experts);
    std::fill(scores.begin(), scores.end(), 0.0F);
    std::iota(order.begin(), order.end(), std::uint16_t{0});
  }
}

void LaneHistory::add(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  const std::size_t at = place(lane, layer);
  const std::size_t row = (at * tokens_kept_ + tokens_[at] % tokens_kept_) * top_k_;
  for (std::size_t rank = 0; rank < top_k_; ++rank) {
    chosen_[row + rank] =
        static_cast<std::uint16_t>(rank < experts.size() ? experts[rank].value : grid_.experts);
  }
  ++tokens_[at];
  for (std::size_t d = 0; d < keeps_.size(); ++d) {
    Use& use = uses_[at * keeps_.size() + d];
    use.gain /= keeps_[d];
    for (const ExpertId expert : experts) raise(use, expert);
    if (use.gain < gain_max) continue;
    use.gain /= gain_max;
    for (float& score : std::span(scores_).subspan(use.first, grid_.experts)) score /= gain_max;
  }
}

/// The chosen expert's score grows, and it goes before those that it now exceeds.
void LaneHistory::raise(Use& use, ExpertId expert) {
  const auto scores = std::span(scores_).subspan(use.first, grid_.experts);
  const auto order = std::span(order_).subspan(use.first, grid_.experts);
  scores[expert.index()] += use.gain;
  auto at = static_cast<std::size_t>(std::find(order.begin(), order.end(), expert.value) - order.begin());
  for (; at > 0 && scores[order[at - 1]] < scores[expert.index()]; --at) std::swap(order[at - 1], order[at]);
}

void LaneHistory::add_ahead(LaneId lane, LayerId made_at, std::uint32_t ahead,
                            std::span<const std::uint16_t> ranked) {
  if (ahead == 0 || ahead > lookahead_layers_) return;
  const std::size_t at = router(lane, made_at, ahead);
  said_at_[at] = tokens_[place(lane, made_at)];
  std::copy_n(ranked.begin(), ahead_ranks_, said_.begin() + static_cast<std::ptrdiff_t>(at * ahead_ranks_));
}

void LaneHistory::write(LaneId lane, const InputGroup& group, LayerId target, std::uint32_t lookahead,
                        std::span<std::uint32_t> ids) const {
  std::fill(ids.begin(), ids.end(), grid_.experts);
  switch (group.kind) {
    case GroupKind::recent:
      return write_choice(lane, group, target, lookahead + group.distance, ids);
    case GroupKind::early:
      // A layer behind the newest known one has not been run for this token.
      if (group.distance + lookahead > target.value) return;
      return write_choice(lane, group, target, target.value - group.distance, ids);
    case GroupKind::before:
      return write_choice(lane, group, target, group.distance, ids);
    case GroupKind::popular:
      return write_popular(lane, group, target, ids);
    case GroupKind::ahead:
      return write_ahead(lane, group, target, lookahead, ids);
  }
}

/// Only what was said of the token that `target` has not chosen for yet.
void LaneHistory::write_ahead(LaneId lane, const InputGroup& group, LayerId target, std::uint32_t lookahead,
                              std::span<std::uint32_t> ids) const {
  if (lookahead > lookahead_layers_ || lookahead > target.value) return;
  const LayerId made_at{target.value - lookahead};
  const std::size_t at = router(lane, made_at, lookahead);
  const std::uint32_t token = tokens_[place(lane, target)] + 1;
  if (said_at_[at] != token || tokens_[place(lane, made_at)] != token) return;
  for (std::uint32_t rank = 0; rank < group.ranks; ++rank)
    ids[rank] = std::min<std::uint32_t>(said_[at * ahead_ranks_ + rank], grid_.experts);
}

void LaneHistory::write_choice(LaneId lane, const InputGroup& group, LayerId target, std::uint32_t distance,
                               std::span<std::uint32_t> ids) const {
  const std::uint32_t tokens_before = (distance + grid_.layers - 1 - target.value) / grid_.layers;
  const LayerId layer{target.value + tokens_before * grid_.layers - distance};
  const std::uint32_t next = tokens_[place(lane, target)];
  const std::uint32_t known = tokens_[place(lane, layer)];
  if (next < tokens_before) return;
  const std::uint32_t token = next - tokens_before;
  if (token >= known || token + tokens_kept_ < known) return;
  const std::size_t row = (place(lane, layer) * tokens_kept_ + token % tokens_kept_) * top_k_;
  for (std::uint32_t rank = 0; rank < group.ranks; ++rank) ids[rank] = chosen_[row + rank];
}

void LaneHistory::write_popular(LaneId lane, const InputGroup& group, LayerId target,
                                std::span<std::uint32_t> ids) const {
  const auto decay =
      static_cast<std::size_t>(std::find(keeps_.begin(), keeps_.end(), group.keep) - keeps_.begin());
  const Use& use = uses_[place(lane, target) * keeps_.size() + decay];
  const float grains = static_cast<float>(group.grain) * (1.0F - group.keep) / use.gain;
  std::size_t written = 0;
  for (std::uint32_t rank = 0; rank < grid_.experts; ++rank) {
    const std::uint32_t expert = order_[use.first + rank];
    const auto times = static_cast<std::size_t>(scores_[use.first + expert] * grains + grain_rounding);
    if (times == 0) return;
    const std::size_t end = std::min(ids.size(), written + times);
    for (; written < end; ++written) ids[written] = expert;
  }
}

}  // namespace prophet
