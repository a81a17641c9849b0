#include "runtime/engine/residency_gain.hpp"

namespace prophet {
namespace {

constexpr ExpertIndex nobody{~std::uint32_t{0}};

}  // namespace

ResidencyGain::ResidencyGain(std::uint32_t experts) : experts_(experts, {Part::none, nobody, 0}) {
  left_.reserve(experts);
}

void ResidencyGain::wanted(ExpertIndex expert, bool here, std::uint64_t step) noexcept {
  const Expert& known = experts_[expert.index()];
  if (known.part == Part::none || step - known.since > steps_counted) return;
  if (known.part == Part::newcomer && here) uses_ += 1;
  if (known.part == Part::replaced && !here) uses_ -= 1;
}

void ResidencyGain::left(ExpertIndex expert) noexcept {
  part(expert);
  if (left_.size() < left_.capacity()) left_.push_back(expert);
}

void ResidencyGain::came(ExpertIndex expert, std::uint64_t step) noexcept {
  part(expert);
  uses_ *= 1 - weight;
  newcomers_ *= 1 - weight;
  newcomers_ += 1;
  Expert& newcomer = experts_[expert.index()];
  newcomer = {Part::newcomer, nobody, step};
  // One that came in this layer and left again has made no room.
  while (next_left_ < left_.size() && left_[next_left_] == expert) ++next_left_;
  if (next_left_ == left_.size()) return;
  const ExpertIndex replaced = left_[next_left_++];
  experts_[replaced.index()] = {Part::replaced, expert, step};
  newcomer.other = replaced;
}

/// The pair that the expert belongs to is one no longer.
void ResidencyGain::part(ExpertIndex expert) noexcept {
  Expert& known = experts_[expert.index()];
  if (known.other != nobody) {
    Expert& other = experts_[known.other.index()];
    other.other = nobody;
    if (other.part == Part::replaced) other.part = Part::none;
  }
  known = {Part::none, nobody, 0};
}

}  // namespace prophet
