#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "runtime/base/random.hpp"
#include "tests/device/sim/fresh_seed.hpp"
#include "tests/device/sim/naive_queues.hpp"
#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

GpuProfile random_profile(Random& random) {
  const double shares[] = {1, 0.5, 0.25, 0.7, 0.9};
  GpuProfile profile = plain_profile();
  profile.event_latency_ns = random.below(6);
  profile.host_submit_ns = 1 + random.below(15);
  profile.host_wake_ns = random.below(20);
  profile.compute_rate_while_copying = shares[random.below(5)];
  profile.copy_rate_while_computing = shares[random.below(5)];
  profile.host_cores = 4;
  profile.host_memory_bytes_per_s = 1e9 * static_cast<double>(1 + random.below(8));
  profile.host_flops_per_s = 1e12;
  profile.zero_copy_bytes_per_s = 1e9 / static_cast<double>(1 + random.below(4));
  return profile;
}

/// Drives a sim and keeps the program that the naive model is to run. The host's clock, whose rules are its
/// own, is followed here.
class RandomProgram {
 public:
  explicit RandomProgram(std::uint64_t seed) : random_(seed), profile_(random_profile(random_)) {
    device_ = make_sim_device(profile_, {0, 0, false});
    device_->set_timeline(&log_);
    const std::size_t streams = 4 + random_.below(4);
    for (std::size_t i = 0; i < streams; ++i) {
      roles_.push_back(static_cast<StreamRole>(i < 4 ? i : random_.below(4)));
      streams_.push_back(device_->create_stream(roles_.back()));
    }
    host_ = device_->allocate(MemoryKind::host_pinned, 1000);
    memory_ = device_->allocate(MemoryKind::device, 1000);
    for (int i = 0; i < 4; ++i) events_.push_back(device_->create_event());
    records_.assign(events_.size(), unrecorded);
  }

  /// Without `host_waits` the host runs as far ahead as the program is long.
  void run(std::uint64_t submissions, bool host_waits) {
    for (std::uint64_t left = submissions; left > 0; --left) step(host_waits);
    device_->synchronize();
    compare();
  }

 private:
  static constexpr std::size_t unrecorded = ~std::size_t{0};

  void step(bool host_waits) {
    const std::uint64_t what = random_.below(host_waits ? 20 : 17);
    const std::size_t event = random_.below(events_.size());
    if (what < 9) return submit_work();
    if (what < 13) return submit_record(event);
    if (what < 17) return submit_wait(event);
    if (what < 18) return synchronize(event);
    if (what < 19) return poll(event);
    wait_any();
  }

  NaiveOp& submit(NaiveOp::Kind kind) {
    now_ns_ += profile_.host_submit_ns;
    NaiveOp op;
    op.kind = kind;
    op.stream = random_.below(streams_.size());
    op.submitted_ns = now_ns_;
    program_.push_back(op);
    return program_.back();
  }

  void submit_work() {
    NaiveOp& op = submit(NaiveOp::Kind::work);
    const bool on_host = roles_[op.stream] == StreamRole::host_compute;
    op.engine = random_.below(3);
    op.tag = program_.size();
    const std::uint64_t bytes = 1 + random_.below(60);
    op.duration_ns = op.engine == 2 ? 2 * bytes : bytes;
    const StreamId stream = streams_[op.stream];
    if (op.engine == 0 && (on_host || random_.chance(0.3))) return submit_expert(op, stream, on_host, bytes);
    const BufferView above = host_.slice(0, bytes);
    const BufferView below = memory_.slice(0, bytes);
    if (op.engine == 0) device_->launch(stream, DenseOp{{}, memory_, 1, 1, bytes * 1000}, op.tag);
    if (op.engine == 1) device_->copy(stream, below, above, op.tag);
    if (op.engine == 2) device_->copy(stream, above, below, op.tag);
  }

  /// Of weights in host memory, so many flops that they decide.
  void submit_expert(NaiveOp& op, StreamId stream, bool on_host, std::uint64_t ns) {
    static constexpr std::uint32_t rows[] = {0};
    op.engine = on_host ? 3 : 0;
    op.in_place = !on_host;
    op.duration_ns = ns + (on_host ? profile_.host_wake_ns : 0);
    ExpertOp expert;
    expert.slab = host_.slice(0, 0);
    expert.hidden = on_host ? host_ : memory_;
    expert.output = on_host ? host_ : memory_;
    expert.rows = rows;
    expert.hidden_size = 1;
    expert.flops = ns * 1000;
    // Four bytes of activations are the least that an expert reads.
    op.duration_ns = std::max(op.duration_ns, smallest_ns(on_host));
    device_->launch(stream, expert, op.tag);
  }
  [[nodiscard]] std::uint64_t smallest_ns(bool on_host) const {
    if (on_host)
      return profile_.host_wake_ns +
             static_cast<std::uint64_t>(std::llround(4e9 / profile_.host_memory_bytes_per_s));
    return static_cast<std::uint64_t>(std::llround(4e9 / profile_.zero_copy_bytes_per_s));
  }

  void submit_record(std::size_t event) {
    NaiveOp& op = submit(NaiveOp::Kind::record);
    op.record = record_count_;
    records_[event] = record_count_++;
    device_->record(streams_[op.stream], events_[event]);
  }

  void submit_wait(std::size_t event) {
    NaiveOp& op = submit(NaiveOp::Kind::wait);
    device_->wait(streams_[op.stream], events_[event]);
    op.record = records_[event];
    if (op.record == unrecorded) program_.pop_back();
  }

  /// When the event's record completes, by what has been submitted so far: nothing later may change it.
  [[nodiscard]] std::uint64_t completed_ns(std::size_t event) const {
    if (records_[event] == unrecorded) return 0;
    return run_naively(profile_, roles_, program_).completed_ns[records_[event]];
  }
  void host_waits_until(std::uint64_t completed_ns) {
    now_ns_ =
        completed_ns > now_ns_ ? completed_ns + profile_.host_wake_ns : now_ns_ + profile_.host_submit_ns;
    ASSERT_EQ(device_->now_ns(), now_ns_);
  }

  void synchronize(std::size_t event) {
    device_->synchronize(events_[event]);
    host_waits_until(completed_ns(event));
  }

  void poll(std::size_t event) {
    now_ns_ += profile_.host_submit_ns;
    ASSERT_EQ(device_->done(events_[event]), completed_ns(event) <= now_ns_);
  }

  void wait_any() {
    std::uint64_t first_ns = ~0ULL;
    for (std::size_t event = 0; event < events_.size(); ++event) {
      first_ns = std::min(first_ns, completed_ns(event));
    }
    const std::size_t first = device_->wait_any(events_);
    ASSERT_EQ(completed_ns(first), first_ns);
    host_waits_until(first_ns);
  }

  void compare() const {
    const NaiveTimes naive = run_naively(profile_, roles_, program_);
    using Span = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
    std::vector<Span> expected, found;
    for (const TimelineSpan& span : naive.spans) expected.emplace_back(span.tag, span.start_ns, span.end_ns);
    for (const TimelineSpan& span : log_.spans) {
      if (std::string(span.name) != "wait") found.emplace_back(span.tag, span.start_ns, span.end_ns);
    }
    std::sort(expected.begin(), expected.end());
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, expected);
    for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
      EXPECT_EQ(device_->times(streams_[stream]).blocked_ns, naive.blocked_ns[stream]) << "stream " << stream;
    }
  }

  Random random_;
  GpuProfile profile_;
  SpanLog log_;
  std::unique_ptr<Device> device_;
  std::vector<StreamRole> roles_;
  std::vector<StreamId> streams_;
  std::vector<EventId> events_;
  BufferView host_, memory_;
  std::vector<NaiveOp> program_;
  std::vector<std::size_t> records_;  // by event, its latest record
  std::size_t record_count_ = 0;
  std::uint64_t now_ns_ = 0;
};

/// A round fails alone, and says how to repeat it.
void compare_rounds(std::uint64_t rounds, std::uint64_t submissions, bool host_waits) {
  const std::uint64_t seed = fresh_seed();
  for (std::uint64_t round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    RandomProgram(seed + round * 0x9e3779b97f4a7c15ULL).run(submissions, host_waits);
  }
}

TEST(SimRandom, EveryTimeIsWhatANanosecondByNanosecondModelSays) {
  compare_rounds(600, 60, true);
}

TEST(SimRandom, HowFarTheHostRunsAheadChangesNoTime) {
  compare_rounds(30, 1500, false);
}

}  // namespace
}  // namespace prophet::sim_test
