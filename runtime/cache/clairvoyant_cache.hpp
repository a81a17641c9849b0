#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cache/next_uses.hpp"
#include "runtime/cache/request_groups.hpp"

namespace prophet {

/// The experts that a cache which knows the future keeps: those whose next use is nearest. For counting only:
/// no slabs, no leases. O(log experts) a request, amortised; one thread; keeps a reference to `requests`.
///
/// The heap of next uses is never searched. An entry goes stale when its expert is requested; it then names a
/// use that has passed and is smaller than every live one, so it cannot come to the top while a live one is
/// there. Stale entries are swept when they are more than the live ones can be.
class ClairvoyantCache {
 public:
  explicit ClairvoyantCache(const RequestGroups& requests);

  [[nodiscard]] bool holds(ExpertIndex expert) const noexcept { return held_[expert.index()] != 0; }
  /// The expert stays, or enters, to be used next at `next_use` (see next_uses()). REQUIRES: its earlier
  /// next use, if it was held, has passed.
  void keep(ExpertIndex expert, std::uint64_t next_use);
  /// The expert leaves, if it is held. REQUIRES: the next use that it was kept for has passed.
  void leave(ExpertIndex expert);
  /// The experts whose next use is furthest leave until at most `slabs` are held.
  void shrink_to(std::uint32_t slabs);
  /// All uses before request `at` have passed. Call it between requests, as often as convenient.
  void pass(std::uint64_t at);

 private:
  const RequestGroups& requests_;
  std::vector<std::uint8_t> held_;   ///< [grid.size()] 1 if held
  std::vector<std::uint64_t> heap_;  ///< next uses, furthest first; some stale
  std::uint32_t count_ = 0;          ///< experts held
};

}  // namespace prophet
