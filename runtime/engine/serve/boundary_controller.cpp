#include "runtime/engine/serve/boundary_controller.hpp"

#include <algorithm>

namespace prophet {

std::int32_t BoundaryController::decide(const BoundaryView& view) noexcept {
  if (++steps_in_window_ >= options_.window_steps) {
    steps_in_window_ = 0;
    compare(view);
  }
  const bool is_long = view.head_slabs > options_.long_prompt_share * view.kv_slabs;
  if (view.head_lacks_slabs > 0 && is_long) {
    ++urgent_steps_;
    return lend(view, view.head_lacks_slabs);
  }
  if (direction_ > 0) return lend(view, 1);
  if (direction_ < 0) return take_back(view, 1);
  return 0;
}

void BoundaryController::compare(const BoundaryView& view) noexcept {
  const double margin = 1 + options_.hysteresis;
  std::int32_t wish = 0;
  if (view.kv_gain > view.expert_loss * margin) wish = 1;
  if (view.expert_gain > view.kv_loss * margin) wish = -1;
  agreeing_ = wish == wish_ ? agreeing_ + 1 : 1;
  wish_ = wish;
  if (wish == 0) direction_ = 0;
  if (agreeing_ < options_.agreeing_windows || wish == direction_) return;
  direction_ = wish;
  if (wish == 0) return;
  if (last_direction_ == -wish) ++turns_;
  last_direction_ = wish;
}

std::int32_t BoundaryController::lend(const BoundaryView& view, std::uint32_t slabs) const noexcept {
  const std::uint32_t spare = view.expert_slabs - std::min(view.expert_slabs, options_.expert_slabs_min);
  return static_cast<std::int32_t>(std::min({slabs, spare, options_.moves_per_step_max}));
}

std::int32_t BoundaryController::take_back(const BoundaryView& view, std::uint32_t slabs) const noexcept {
  const std::uint32_t spare = view.kv_slabs - std::min(view.kv_slabs, options_.kv_slabs_min);
  const std::uint32_t free = std::min(spare, view.kv_free_slabs);
  return -static_cast<std::int32_t>(std::min({slabs, free, options_.moves_per_step_max}));
}

}  // namespace prophet
