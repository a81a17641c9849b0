#include "runtime/engine/measure_misses.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "runtime/device/handles.hpp"

namespace prophet {
namespace {

constexpr int tries = 3;
/// What runs beside each other runs about so many times.
constexpr double at_once_min = 2;
constexpr double at_once_max = 16;
/// Of a copy's time, what its bytes take at least, however badly two sizes were timed.
constexpr double link_share_min = 0.25;

/// Submits the operations to be measured and reads how long its streams were busy with them.
class Probe {
 public:
  Probe(Device& device, const HostStore& store, const StepModel& model, const HostExperts& experts,
        BufferView slab)
      : device_(device),
        store_(store),
        model_(model),
        experts_(experts),
        slab_(slab),
        compute_(device, StreamRole::compute),
        copies_(device, StreamRole::demand_copy),
        rows_(experts.tokens_max()) {
    std::iota(rows_.begin(), rows_.end(), 0U);
    device.synchronize();
  }

  void copy() { copy_part(slab_.size_bytes); }
  void copy_part(std::uint64_t bytes) {
    device_.copy(copies_.id(), slab_.slice(0, bytes), store_.expert(ExpertIndex{0}).slice(0, bytes), 0);
  }
  void copy_half() { copy_part(std::max<std::uint64_t>(1, slab_.size_bytes / 2)); }
  void resident(std::uint32_t rows) { launch(compute_.id(), device_op(rows), slab_, rows); }
  void in_place() { launch(compute_.id(), device_op(1), store_.expert(ExpertIndex{0}), 1); }
  void on_host(std::uint32_t rows) {
    const std::uint32_t tokens = experts_.tokens_max();
    launch(experts_.stream(), experts_.host_op(tokens, 0, rows), store_.expert(ExpertIndex{0}), rows);
  }
  void activations() {
    const ExpertOp here = experts_.host_op(1, 0, 1);
    const ExpertOp there = device_op(1);
    const std::uint64_t row_bytes = here.output.size_bytes;
    device_.copy(experts_.stream(), here.hidden.slice(0, row_bytes), there.hidden.slice(0, row_bytes), 0);
    device_.copy(experts_.stream(), there.output, here.output, 0);
  }

  [[nodiscard]] StreamId compute() const noexcept { return compute_.id(); }
  [[nodiscard]] StreamId copies() const noexcept { return copies_.id(); }
  [[nodiscard]] StreamId host() const noexcept { return experts_.stream(); }

  /// The shortest busy time of one stream with what `submit` submits.
  template <class Submit>
  [[nodiscard]] double shortest_ns(StreamId stream, Submit submit) {
    double shortest = std::numeric_limits<double>::infinity();
    for (int i = 0; i < tries; ++i) {
      const double before_ns = busy_ns(stream);
      submit();
      device_.synchronize();
      shortest = std::min(shortest, busy_ns(stream) - before_ns);
    }
    return std::max(1.0, shortest);
  }
  [[nodiscard]] double busy_ns(StreamId stream) { return static_cast<double>(device_.times(stream).busy_ns); }

 private:
  [[nodiscard]] ExpertOp device_op(std::uint32_t rows) const {
    return model_.expert(experts_.tokens_max(), 0, rows);
  }
  void launch(StreamId stream, ExpertOp op, BufferView slab, std::uint32_t rows) {
    op.slab = op.source = slab;
    op.rows = std::span(rows_).first(rows);
    device_.launch(stream, op, 0);
  }

  Device& device_;
  const HostStore& store_;
  const StepModel& model_;
  const HostExperts& experts_;
  BufferView slab_;
  Stream compute_;
  Stream copies_;
  std::vector<std::uint32_t> rows_;
};

/// How much longer copies and the host's experts take beside each other than alone.
void measure_at_once(Probe& probe, MissCosts& costs) {
  const auto times = [](double longer_ns, double shorter_ns) {
    return static_cast<int>(
        std::lround(std::clamp(at_once_min * longer_ns / shorter_ns, at_once_min, at_once_max)));
  };
  const int copies = times(std::max(costs.host_ns, costs.copy_ns), costs.copy_ns);
  const int experts = times(std::max(costs.host_ns, costs.copy_ns), costs.host_ns);
  const auto submit = [&] {
    for (int i = 0; i < std::max(copies, experts); ++i) {
      if (i < copies) probe.copy();
      if (i < experts) probe.on_host(1);
    }
  };
  const double copies_ns = probe.shortest_ns(probe.copies(), submit);
  const double experts_ns = probe.shortest_ns(probe.host(), submit);
  costs.copy_slowdown = std::max(1.0, copies_ns / (copies * costs.copy_ns));
  costs.host_slowdown = std::max(1.0, experts_ns / (experts * costs.host_ns));
}

}  // namespace

MissCosts measure_miss_costs(Device& device, const HostStore& store, const StepModel& model,
                             const HostExperts& experts, BufferView slab) {
  Probe probe(device, store, model, experts, slab);
  const std::uint32_t rows = experts.tokens_max();
  MissCosts costs;
  costs.copy_ns = probe.shortest_ns(probe.copies(), [&] { probe.copy(); });
  const double half_ns = probe.shortest_ns(probe.copies(), [&] { probe.copy_half(); });
  costs.link_ns = std::clamp(2 * (costs.copy_ns - half_ns), link_share_min * costs.copy_ns, costs.copy_ns);
  costs.resident_ns = probe.shortest_ns(probe.compute(), [&] { probe.resident(1); });
  costs.in_place_ns = probe.shortest_ns(probe.compute(), [&] { probe.in_place(); });
  costs.host_ns = probe.shortest_ns(probe.host(), [&] { probe.on_host(1); });
  costs.resident_all_ns = probe.shortest_ns(probe.compute(), [&] { probe.resident(rows); });
  if (rows > 1) {
    const double all_ns = probe.shortest_ns(probe.host(), [&] { probe.on_host(rows); });
    costs.host_row_ns = std::max(0.0, (all_ns - costs.host_ns) / (rows - 1));
  }
  costs.activations_ns = probe.shortest_ns(probe.host(), [&] { probe.activations(); });
  measure_at_once(probe, costs);
  return costs;
}

}  // namespace prophet
