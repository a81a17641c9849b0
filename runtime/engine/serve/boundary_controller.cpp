#include "runtime/engine/serve/boundary_controller.hpp"

#include <algorithm>

namespace prophet {

std::int32_t BoundaryController::decide(const BoundaryView& view) noexcept {
  if (compares_next()) {
    steps_in_window_ = 0;
    compare(view);
  } else {
    ++steps_in_window_;
  }
  resting_ -= resting_ > 0 ? 1U : 0U;
  if (is_urgent(view)) {
    ++urgent_steps_;
    return noted(lend(view, view.head_slabs - view.kv_slabs));
  }
  if (direction_ > 0) return noted(lend(view, 1));
  return resting_ == 0 ? noted(take_back(view)) : 0;
}

void BoundaryController::compare(const BoundaryView& view) noexcept {
  const double margin = 1 + options_.hysteresis;
  std::int32_t wish = 0;
  if (view.kv_gain > view.expert_loss * margin) wish = 1;
  if (view.expert_gain > view.kv_loss * margin) wish = -1;
  agreeing_ = wish == wish_ ? agreeing_ + 1 : 1;
  wish_ = wish;
  direction_ = agreeing_ >= options_.agreeing_windows ? wish : 0;
}

std::int32_t BoundaryController::lend(const BoundaryView& view, std::uint32_t slabs) const noexcept {
  const std::uint32_t spare = view.expert_slabs - std::min(view.expert_slabs, options_.expert_slabs_min);
  return static_cast<std::int32_t>(std::min({slabs, spare, options_.moves_per_step_max}));
}

std::int32_t BoundaryController::take_back(const BoundaryView& view) const noexcept {
  const std::uint32_t spare = view.kv_slabs - std::min(view.kv_slabs, options_.kv_slabs_min);
  const std::uint32_t idle = std::min(view.kv_idle_slabs, std::max(1U, view.kv_idle_slabs / 8));
  const std::uint32_t free = direction_ < 0 ? std::min(1U, view.kv_free_slabs) : 0;
  return -static_cast<std::int32_t>(std::min({std::max(idle, free), spare, options_.moves_per_step_max}));
}

std::int32_t BoundaryController::noted(std::int32_t slabs) noexcept {
  if (slabs == 0) return 0;
  const std::int32_t sign = slabs > 0 ? 1 : -1;
  if (last_move_ == -sign) ++turns_;
  last_move_ = sign;
  if (sign > 0) resting_ = options_.rest_steps;
  return slabs;
}

}  // namespace prophet
