#pragma once

#include <cstdint>
#include <optional>

#include "bench/headroom/headroom_cell.hpp"
#include "runtime/device/device.hpp"

namespace prophet {

/// How tokens are counted.
struct MeasureOptions {
  bool proves_pages = true;  ///< writes and reads back every page; off where thousands of cells are counted
  std::uint64_t seed = 1;    ///< of the pages' patterns
};

struct MeasuredHeadroom {
  HeadroomTerms terms;
  std::optional<PageProof> proof;
};

/// Counts the tokens that a device holds by allocating: places the model (Placement), lends the arena's other
/// slabs to a KvCache, and lets the question's sequences grow in turn, a page's tokens at a time, until one
/// is refused. Then writes and reads back all pages that they hold. Gives everything back before it returns.
///
/// A model that finds no room is no error: the terms say what is missing. Throws Error{usage} for a page size
/// or dtype that the model cannot have, Error{check_failed} for a page that does not hold what was written.
[[nodiscard]] MeasuredHeadroom measure_headroom(Device& device, const DeviceRoom& room,
                                                const HeadroomQuestion& question,
                                                const MeasureOptions& options);

}  // namespace prophet
