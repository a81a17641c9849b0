#pragma once

#include <cstdint>

namespace prophet {

struct ControllerOptions {
  std::uint32_t expert_slabs_min = 1;    ///< never lent
  std::uint32_t kv_slabs_min = 1;        ///< never taken back
  std::uint32_t moves_per_step_max = 4;  ///< slabs
  std::uint32_t window_steps = 16;       ///< steps between two comparisons of what a slab is worth
  double hysteresis = 0.25;              ///< the other side must be worth so much more
  std::uint32_t agreeing_windows = 2;    ///< that must say the same before the direction turns
  double long_prompt_share = 0.5;        ///< of the KV share: a prompt that takes more of it is a long one
};

/// What the controller is told before each step.
struct BoundaryView {
  std::uint32_t expert_slabs = 0;  ///< of the cache, staging not counted
  std::uint32_t kv_slabs = 0;
  /// Slabs that could be given back for pages that nobody holds.
  std::uint32_t kv_free_slabs = 0;
  /// Of them, those that nobody has held of late either: see PeakDemand.
  std::uint32_t kv_idle_slabs = 0;
  /// Slabs that the request at the head of the queue lacks; 0: none, or it waits for something else.
  std::uint32_t head_lacks_slabs = 0;
  /// Slabs that all its pages would take.
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
/// hysteresis and in agreeing_windows windows one after another, a slab a step is lent; when the experts gain
/// more than the KV cache loses, likewise, one is taken back: of those that nobody has held of late, or, when
/// requests wait and the experts are worth more all the same, any that is free. When a window says neither,
/// nothing moves.
///
/// A long prompt does not wait for that. When the request at the head of the queue lacks pages and would take
/// more than long_prompt_share of the KV share, what it lacks is lent at moves_per_step_max slabs a step: the
/// boundary has moved for it steps_until_moved(lacking slabs) steps after it was seen to lack them, unless
/// the experts are at expert_slabs_min by then.
class BoundaryController {
 public:
  explicit BoundaryController(const ControllerOptions& options) : options_(options) {}

  /// Slabs to lend before this step, or, negative, to take back.
  [[nodiscard]] std::int32_t decide(const BoundaryView& view) noexcept;

  /// Whether the next decide() compares what slabs are worth.
  [[nodiscard]] bool compares_next() const noexcept { return steps_in_window_ + 1 >= options_.window_steps; }

  /// The bound on the steps that a long prompt at the head of the queue waits for the boundary.
  [[nodiscard]] static std::uint32_t steps_until_moved(std::uint32_t lacking_slabs,
                                                       const ControllerOptions& options) noexcept {
    return (lacking_slabs + options.moves_per_step_max - 1) / options.moves_per_step_max;
  }
  /// Whether the view is of a long prompt that lacks pages.
  [[nodiscard]] bool is_urgent(const BoundaryView& view) const noexcept {
    return view.head_lacks_slabs > 0 && view.head_slabs > options_.long_prompt_share * view.kv_slabs;
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
  bool kv_has_worth_ = false;   ///< in the latest window: requests wait for pages
  std::int32_t last_move_ = 0;  ///< the last that was not 0: its sign
  std::uint64_t turns_ = 0;
  std::uint64_t urgent_steps_ = 0;
};

}  // namespace prophet
