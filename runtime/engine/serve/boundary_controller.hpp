#pragma once

#include <algorithm>
#include <cstdint>

namespace prophet {

struct ControllerOptions {
  std::uint32_t expert_slabs_min = 1;    ///< never lent
  std::uint32_t kv_slabs_min = 1;        ///< never taken back
  std::uint32_t moves_per_step_max = 4;  ///< slabs
  std::uint32_t window_steps = 8;        ///< steps between two comparisons of what a slab is worth
  double hysteresis = 0.25;              ///< the other side must be worth so much more
  std::uint32_t agreeing_windows = 2;    ///< that must say the same before the direction turns
  std::uint32_t rest_steps = 32;         ///< after slabs were lent none is taken back
};

/// What the controller is told before each step.
struct BoundaryView {
  std::uint32_t expert_slabs = 0;  ///< of the cache, staging not counted
  std::uint32_t kv_slabs = 0;
  /// Slabs that could be given back for pages that nobody holds.
  std::uint32_t kv_free_slabs = 0;
  /// Of them, those that nobody has held of late either: see PeakDemand.
  std::uint32_t kv_idle_slabs = 0;
  /// Slabs that the pages of the request at the head of the queue take; 0: nobody waits for pages.
  std::uint32_t head_slabs = 0;
  /// Share of the time that one more slab, or one less, would save or cost on each side; see SlabWorth. Read
  /// where compares_next() says so.
  double expert_gain = 0;
  double expert_loss = 0;
  double kv_gain = 0;
  double kv_loss = 0;
};

/// Moves the boundary between experts and KV to where the next slab is worth most. Arithmetic only: what it
/// decides another carries out. One thread; no allocation.
///
/// Once a window it compares. When a slab is worth more to the KV cache than the experts lose with it, by the
/// hysteresis and in agreeing_windows windows one after another, a slab is lent every step; when the experts
/// gain more than the KV cache loses, a slab is taken back every step, if one is free. When a window says
/// neither, neither is done. Besides, of the slabs that nobody has held of late an eighth a step goes back.
/// For rest_steps after a slab was lent, for whatever reason, none is taken back: what comes in bursts does
/// not make the boundary swing.
///
/// A long prompt does not wait for that: one that the KV cache could not hold if it were empty. When it is at
/// the head of the queue, what the share lacks for it is lent at moves_per_step_max slabs a step: the
/// boundary has moved for it steps_until_moved(its slabs, the share) steps after it was seen to lack pages,
/// unless the experts are at expert_slabs_min by then. Pages that running requests hold it waits for like any
/// other.
class BoundaryController {
 public:
  explicit BoundaryController(const ControllerOptions& options) : options_(options) {}

  /// Slabs to lend before this step, or, negative, to take back.
  [[nodiscard]] std::int32_t decide(const BoundaryView& view) noexcept;

  /// A slab was lent otherwise than decide() said: a running request needed pages.
  void lent() noexcept { (void)noted(1); }

  /// Whether the next decide() compares what slabs are worth.
  [[nodiscard]] bool compares_next() const noexcept { return steps_in_window_ + 1 >= options_.window_steps; }

  /// The bound on the steps that a long prompt at the head of the queue waits for the boundary.
  [[nodiscard]] static std::uint32_t steps_until_moved(std::uint32_t head_slabs, std::uint32_t kv_slabs,
                                                       const ControllerOptions& options) noexcept {
    const std::uint32_t lacks = head_slabs - std::min(head_slabs, kv_slabs);
    return (lacks + options.moves_per_step_max - 1) / options.moves_per_step_max;
  }
  /// Whether the view is of a long prompt that lacks pages.
  [[nodiscard]] static bool is_urgent(const BoundaryView& view) noexcept {
    return view.head_slabs > view.kv_slabs;
  }

  /// How often a direction gave way to the other one: what oscillates has many.
  [[nodiscard]] std::uint64_t turns() const noexcept { return turns_; }
  /// Steps in which slabs were lent for a long prompt.
  [[nodiscard]] std::uint64_t urgent_steps() const noexcept { return urgent_steps_; }
  [[nodiscard]] const ControllerOptions& options() const noexcept { return options_; }

 private:
  void compare(const BoundaryView& view) noexcept;
  [[nodiscard]] std::int32_t lend(const BoundaryView& view, std::uint32_t slabs) const noexcept;
  [[nodiscard]] std::int32_t take_back(const BoundaryView& view) const noexcept;
  [[nodiscard]] std::int32_t noted(std::int32_t slabs) noexcept;

  ControllerOptions options_;
  std::uint32_t steps_in_window_ = 0;
  std::int32_t wish_ = 0;       ///< of the latest window: 1 lend, -1 take back
  std::uint32_t agreeing_ = 0;  ///< windows that wished it in a row
  std::int32_t direction_ = 0;  ///< what is being done
  std::uint32_t resting_ = 0;   ///< steps until slabs may be taken back
  std::int32_t last_move_ = 0;  ///< the last that was not 0: its sign
  std::uint64_t turns_ = 0;
  std::uint64_t urgent_steps_ = 0;
};

}  // namespace prophet
