#include "runtime/engine/layer_requests.hpp"

#include <algorithm>
#include <utility>

namespace prophet {

LayerRequests::LayerRequests(const RoutingTrace& trace, std::uint32_t tokens_max)
    : trace_(&trace), top_k_(trace.shape().top_k), experts_(trace.shape().grid.experts) {
  const std::size_t choices = std::size_t{tokens_max} * top_k_;
  const std::size_t distinct = std::min<std::size_t>(choices, experts_);
  chosen_.resize(choices);
  counts_.resize(experts_);
  wanted_.resize(distinct);
  first_row_.resize(distinct + 1);
  rows_.resize(choices);
  slots_.resize(choices);
}

void LayerRequests::gather(std::span<const StepToken> tokens, LayerId layer) {
  std::fill(counts_.begin(), counts_.end(), 0U);
  slot_count_ = tokens.size() * top_k_;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::uint32_t r = 0; r < top_k_; ++r) {
      const ExpertId expert = trace_->expert(tokens[t].row, layer, r);
      chosen_[t * top_k_ + r] = expert;
      ++counts_[expert.index()];
    }
  }
  wanted_count_ = 0;
  std::uint32_t next_row = 0;
  for (std::uint32_t e = 0; e < experts_; ++e) {
    if (counts_[e] == 0) continue;
    wanted_[wanted_count_] = trace_->shape().grid.index(layer, ExpertId{e});
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
