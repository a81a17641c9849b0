#include "runtime/engine/layer_requests.hpp"

#include <algorithm>
#include <utility>

namespace prophet {

LayerRequests::LayerRequests(ExpertGrid grid, std::uint32_t top_k, std::uint32_t tokens_max)
    : grid_(grid), top_k_(top_k) {
  const std::size_t choices = std::size_t{tokens_max} * top_k_;
  const std::size_t distinct = std::min<std::size_t>(choices, grid.experts);
  chosen_.resize(choices);
  counts_.resize(grid.experts);
  wanted_.resize(distinct);
  first_row_.resize(distinct + 1);
  rows_.resize(choices);
  slots_.resize(choices);
}

void LayerRequests::gather(LayerId layer, std::size_t tokens) {
  std::fill(counts_.begin(), counts_.end(), 0U);
  slot_count_ = tokens * top_k_;
  for (std::size_t c = 0; c < slot_count_; ++c) ++counts_[chosen_[c].index()];
  wanted_count_ = 0;
  std::uint32_t next_row = 0;
  for (std::uint32_t e = 0; e < grid_.experts; ++e) {
    if (counts_[e] == 0) continue;
    wanted_[wanted_count_] = grid_.index(layer, ExpertId{e});
    first_row_[wanted_count_++] = next_row;
    next_row += std::exchange(counts_[e], next_row);
  }
  first_row_[wanted_count_] = next_row;
  for (std::size_t c = 0; c < slot_count_; ++c) {
    const std::uint32_t at = counts_[chosen_[c].index()]++;
    rows_[at] = static_cast<std::uint32_t>(c / top_k_);
    slots_[c] = at;
  }
}

}  // namespace prophet
