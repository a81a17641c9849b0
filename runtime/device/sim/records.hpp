#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/device/sim/vector_clock.hpp"

namespace prophet::sim {

/// Later than everything that happens.
inline constexpr std::uint64_t never_ns = std::numeric_limits<std::uint64_t>::max();

using RecordIndex = std::uint32_t;
inline constexpr RecordIndex no_record = std::numeric_limits<RecordIndex>::max();

/// What one call of Device::record left behind. It outlives the event's next record for as long as a
/// submitted wait still means it.
struct Record {
  std::uint64_t completed_ns = never_ns;
  VectorClock clock;  ///< everything that the record's completion proves finished
  std::uint32_t holders = 0;
};

/// Counted records. Allocates only when more of them live than ever did before.
class RecordPool {
 public:
  /// A fresh record with one holder.
  [[nodiscard]] RecordIndex acquire() {
    if (free_.empty()) add();
    const RecordIndex index = free_.back();
    free_.pop_back();
    records_[index].completed_ns = never_ns;
    records_[index].holders = 1;
    return index;
  }
  void hold(RecordIndex index) noexcept { ++records_[index].holders; }
  void release(RecordIndex index) noexcept {
    if (--records_[index].holders == 0) free_.push_back(index);
  }
  [[nodiscard]] Record& at(RecordIndex index) noexcept { return records_[index]; }
  [[nodiscard]] const Record& at(RecordIndex index) const noexcept { return records_[index]; }

 private:
  void add() {
    free_.reserve(records_.size() + 1);
    records_.emplace_back();
    if (free_.capacity() < records_.capacity()) free_.reserve(records_.capacity());
    free_.push_back(static_cast<RecordIndex>(records_.size() - 1));
  }

  std::vector<Record> records_;
  std::vector<RecordIndex> free_;  // its capacity is never below the number of records
};

}  // namespace prophet::sim
