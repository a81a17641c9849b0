#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/report/replay_rows.hpp"

namespace prophet {

/// What most people sweep for, in one line a batch: the fewest slabs, of the cache and staging together, with
/// which the mean step is within 10 %, 25 % and twice of all-resident, and with which policy and predictor.
/// Bounds (belady, one-step, oracle) do not count, nor do sizes that take as many slabs as there are experts.
/// `experts`: of all layers. Empty where no batch has an all-resident row.
[[nodiscard]] std::string sweep_answer(const std::vector<ReportedRow>& rows, std::uint32_t experts);

/// "a miss costs 0.231 ms of stall (46.2 misses a step)"; empty without misses.
[[nodiscard]] std::string cost_of_a_miss(const ReportedRow& row);

}  // namespace prophet
