#include <algorithm>

#include "runtime/base/checked.hpp"
#include "runtime/engine/serve/server.hpp"

namespace prophet {
namespace {

/// Beside what was wanted of late the KV cache keeps a twentieth of it, and a slab.
std::uint64_t with_slack(std::uint64_t pages, std::uint64_t pages_per_slab) {
  return pages + pages / 20 + pages_per_slab;
}

}  // namespace

void Server::lend_first() {
  while (kv_.slabs() < options_.boundary.kv_slabs && boundary_.lend()) ++lent_first_;
  note_boundary();
}

void Server::move_boundary() {
  lent_this_step_ = 0;
  if (!options_.boundary.adaptive) return;
  boundary_.pump();
  const BoundaryView seen = view();
  long_wait_steps_ = BoundaryController::is_urgent(seen) ? long_wait_steps_ + 1 : 0;
  result_.long_wait_steps_max = std::max(result_.long_wait_steps_max, long_wait_steps_);
  const std::int32_t slabs = controller_.decide(seen);
  const std::uint32_t before = kv_.slabs();
  for (std::int32_t i = 0; i < slabs && boundary_.lend(); ++i) ++lent_this_step_;
  for (std::int32_t i = 0; i > slabs && boundary_.take_back(); --i) {
  }
  if (kv_.slabs() != before) note_boundary();
}

/// What a preemption would cost is more than a slab is worth to the experts; but no more slabs move in a step
/// than the controller may move.
bool Server::lend_for_growth() {
  const ControllerOptions& limits = options_.boundary.controller;
  if (!options_.boundary.adaptive || lent_this_step_ >= limits.moves_per_step_max) return false;
  const std::uint32_t experts = loop_.cache().size().cache_slabs - loop_.cache().lent_slabs();
  if (experts <= limits.expert_slabs_min || !boundary_.lend()) return false;
  ++lent_this_step_;
  controller_.lent();
  note_boundary();
  return true;
}

BoundaryView Server::view() {
  const CacheSize size = loop_.cache().size();
  BoundaryView view;
  view.kv_slabs = kv_.slabs();
  view.expert_slabs = size.cache_slabs - loop_.cache().lent_slabs();
  const std::uint64_t per_slab = kv_.pages_per_slab();
  view.kv_free_slabs = static_cast<std::uint32_t>(kv_.free_pages() / per_slab);
  const std::uint64_t wanted = std::min(kv_.pages(), with_slack(demand_.pages(), per_slab));
  view.kv_idle_slabs =
      std::min(view.kv_free_slabs, static_cast<std::uint32_t>((kv_.pages() - wanted) / per_slab));
  if (!waiting_.empty() && head_lacks_pages_ != 0) {
    const std::uint64_t pages = kv_.pages_for(at(waiting_.front()).known_tokens());
    view.head_slabs = static_cast<std::uint32_t>(ceil_div(pages, per_slab));
  }
  if (!controller_.compares_next()) return view;
  curve_.update();
  const SlabValues values =
      worth_.values(curve_, {view.expert_slabs, view.kv_slabs, requests_per_slab(), waiting_for_pages()});
  view.expert_gain = values.expert_gain;
  view.expert_loss = values.expert_loss;
  view.kv_gain = values.kv_gain;
  view.kv_loss = values.kv_loss;
  return view;
}

/// By what those that run hold; before any does, by what the head of the queue will.
double Server::requests_per_slab() {
  std::uint64_t pages = kv_.pages() - kv_.free_pages();
  std::size_t requests = running_.size();
  if (requests == 0 || pages == 0) {
    if (waiting_.empty()) return 0;
    pages = kv_.pages_for(at(waiting_.front()).known_tokens());
    requests = 1;
  }
  return static_cast<double>(requests * kv_.pages_per_slab()) / static_cast<double>(pages);
}

std::uint32_t Server::waiting_for_pages() const noexcept {
  if (head_lacks_pages_ == 0) return 0;
  return static_cast<std::uint32_t>(std::min(waiting_.size(), options_.running_max - running_.size()));
}

/// The pages that the KV cache can have at most.
std::uint64_t Server::kv_pages_max() const noexcept {
  std::uint64_t slabs = kv_.slabs();
  if (options_.boundary.adaptive) {
    const std::uint32_t all = loop_.cache().size().cache_slabs;
    slabs = all - std::min(all, options_.boundary.controller.expert_slabs_min);
  }
  return slabs * kv_.pages_per_slab();
}

void Server::note_boundary() {
  result_.boundary.push_back({result_.steps, now_ns(), kv_.slabs()});
}

}  // namespace prophet
