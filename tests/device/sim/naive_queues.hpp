#pragma once

#include <cstdint>
#include <vector>

#include "runtime/device/device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet::sim_test {

/// One submission, as the naive model takes it. `record` numbers the records of a program; a wait names one.
struct NaiveOp {
  enum class Kind : std::uint8_t { work, record, wait };
  Kind kind = Kind::work;
  std::size_t stream = 0;
  std::size_t engine = 0;  ///< 0 compute, 1 up, 2 down, 3 host
  bool in_place = false;   ///< of compute: it reads over the link
  std::uint64_t duration_ns = 0;
  std::uint64_t tag = 0;
  std::size_t record = 0;
  std::uint64_t submitted_ns = 0;
};

struct NaiveTimes {
  std::vector<TimelineSpan> spans;          ///< of work, by the order in which it finished
  std::vector<std::uint64_t> completed_ns;  ///< of each record
  std::vector<std::uint64_t> blocked_ns;    ///< of each stream
};

/// What the sim promises, said in the plainest way: the clock goes up by one nanosecond at a time, and at
/// each everything is looked at. `roles` are those of the streams; all times are small.
[[nodiscard]] NaiveTimes run_naively(const GpuProfile& profile, const std::vector<StreamRole>& roles,
                                     const std::vector<NaiveOp>& program);

}  // namespace prophet::sim_test
