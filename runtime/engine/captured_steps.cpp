#include "runtime/engine/captured_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {
namespace {

bool is_resident(const ExpertCache& cache, ExpertIndex expert) {
  return cache.find(expert) && !cache.is_loading(expert);
}

}  // namespace

CapturedSteps::CapturedSteps(std::unique_ptr<ResidentStep> step, const RoutingTrace& trace,
                             const Workload& workload, std::uint32_t tokens)
    : trace_(trace),
      grid_(workload.grid),
      top_k_(workload.top_k),
      tokens_(tokens),
      step_(std::move(step)),
      is_changed_(grid_.size(), 0) {
  changed_.reserve(grid_.size());
}

void CapturedSteps::changed(ExpertIndex expert) noexcept {
  if (std::exchange(is_changed_[expert.index()], 1) != 0) return;
  changed_.push_back(expert);
}

void CapturedSteps::update_table(const ExpertCache& cache) {
  for (const ExpertIndex expert : changed_) {
    is_changed_[expert.index()] = 0;
    if (is_resident(cache, expert)) {
      step_->set_slab(expert, cache.find(expert)->slab);
    } else {
      step_->clear_slab(expert);
    }
  }
  changed_.clear();
}

void CapturedSteps::launch(const ExpertCache& cache, std::span<const StepToken> tokens, StreamId compute) {
  update_table(cache);
  std::span<std::uint32_t> choices = step_->choices();
  std::size_t at = 0;
  for (std::uint32_t l = 0; l < grid_.layers; ++l) {
    for (const StepToken& token : tokens) {
      for (std::uint32_t r = 0; r < top_k_; ++r)
        choices[at++] = trace_.expert(token.row, LayerId{l}, r).value;
    }
  }
  step_->launch(compute);
}

std::uint32_t CapturedSteps::layers_run() {
  missing_ = step_->missing();
  return missing_ ? missing_->layer.value : grid_.layers;
}

void CapturedSteps::check_missing(const ExpertCache& cache, std::span<const ExpertIndex> wanted) const {
  const LayerId layer = missing_->layer;
  for (const ExpertIndex expert : wanted) {
    const std::uint32_t in_layer = expert.value - grid_.index(layer, ExpertId{0}).value;
    const bool missed = std::binary_search(missing_->experts.begin(), missing_->experts.end(), in_layer);
    if (missed != is_resident(cache, expert)) continue;
    throw Error(
        ErrorCode::check_failed,
        fmt::format("captured step: expert {} of layer {} was {} by the device's table, expected what "
                    "the cache says, which is the reverse",
                    in_layer, layer.value, missed ? "missed" : "found"));
  }
}

}  // namespace prophet
