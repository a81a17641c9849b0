#include <gtest/gtest.h>

#include <bitset>
#include <vector>

#include "runtime/base/random.hpp"
#include "tests/device/sim/fresh_seed.hpp"
#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

constexpr std::size_t operations_max = 200;
/// Operations known to come before, named one by one instead of counted.
using Before = std::bitset<operations_max>;

/// Random copies between four units on four streams. Each is compared with all earlier ones on the same
/// units.
class RandomOrder {
 public:
  explicit RandomOrder(std::uint64_t seed) : random_(seed), device_(make_sim_device(plain_profile(), {})) {
    for (int i = 0; i < 4; ++i) streams_.push_back(device_->create_stream(StreamRole::demand_copy));
    for (int i = 0; i < 5; ++i) events_.push_back(device_->create_event());
    before_.resize(streams_.size());
    recorded_.resize(events_.size());
    memory_ = device_->allocate(MemoryKind::device, 100 * units);
    device_->declare_units(memory_, 200, 100);
  }

  void run() {
    while (history_.size() < operations_max && !testing::Test::HasFailure()) step();
  }
  [[nodiscard]] std::size_t refused() const { return refused_; }

 private:
  static constexpr std::size_t units = 4;
  struct Use {
    std::size_t reads;
    std::size_t writes;
  };

  void step() {
    const std::size_t stream = random_.below(streams_.size());
    const std::size_t event = random_.below(events_.size());
    const std::uint64_t what = random_.below(16);
    if (what < 6) return copy(stream);
    if (what < 10) {
      device_->record(streams_[stream], events_[event]);
      recorded_[event] = before_[stream] | host_;
    } else if (what < 14) {
      device_->wait(streams_[stream], events_[event]);
      before_[stream] |= recorded_[event];
    } else if (what < 15) {
      device_->synchronize(events_[event]);
      host_ |= recorded_[event];
    } else if (device_->done(events_[event])) {
      host_ |= recorded_[event];
    }
  }

  void copy(std::size_t stream) {
    const std::size_t from = random_.below(units);
    const std::size_t to = (from + 1 + random_.below(units - 1)) % units;
    before_[stream] |= host_;
    bool ordered = true;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      const Use& use = history_[i];
      const bool conflicts = use.writes == from || use.writes == to || use.reads == to;
      if (conflicts && !before_[stream][i]) ordered = false;
    }
    bool accepted = true;
    try {
      device_->copy(streams_[stream], memory_.slice(to * 100, 100), memory_.slice(from * 100, 100), 0);
    } catch (const Error& error) {
      accepted = false;
      ++refused_;
    }
    ASSERT_EQ(accepted, ordered) << "operation " << history_.size() << " copies unit " << from << " to "
                                 << to;
    if (!accepted) return;
    before_[stream].set(history_.size());
    history_.push_back({from, to});
  }

  Random random_;
  std::unique_ptr<Device> device_;
  std::vector<StreamId> streams_;
  std::vector<EventId> events_;
  BufferView memory_;
  std::vector<Before> before_;    // by stream
  std::vector<Before> recorded_;  // by event
  Before host_;
  std::vector<Use> history_;
  std::size_t refused_ = 0;
};

TEST(SimRandom, WhatIsRefusedIsExactlyWhatIsUnordered) {
  const std::uint64_t seed = fresh_seed();
  std::size_t refused = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    RandomOrder order(seed + round * 0x9e3779b97f4a7c15ULL);
    order.run();
    refused += order.refused();
    if (HasFailure()) return;
  }
  EXPECT_GT(refused, 500U) << "the programs should have had something to refuse";
}

}  // namespace
}  // namespace prophet::sim_test
