#pragma once

#include <vector>

#include "runtime/engine/replay_row.hpp"

namespace prophet {

/// What a cell of a sweep is judged by, of the batch, slabs and lookahead of `like`: the ways of others, then
/// bounds. On-demand LRU, which stands beside every cell anyway, and all-resident are left out.
///  - static placement by popularity in training, every miss copied;
///  - the same with every miss computed on the host's cores, as Fiddler and KTransformers do it;
///  - LRU and all that an activation library names prefetched, as MoE-Infinity does it;
///  - `with_routers`, which asks that the run hears routers ahead: LRU and all that the next layer's router
///    names prefetched one layer ahead, as mixtral-offloading does it;
///  - the one-step oracle, nothing prefetched;
///  - the clairvoyant cache with clairvoyant prefetches.
[[nodiscard]] std::vector<ReplayCase> baseline_cases(const ReplayCase& like, bool with_routers);

}  // namespace prophet
