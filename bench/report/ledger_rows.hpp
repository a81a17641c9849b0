#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "bench/ledger/summary.hpp"
#include "bench/ledger/validation.hpp"

namespace prophet {

/// A row for each claim, flat: what is printed, what each basis gives (null where it gives nothing, with
/// KEY_note for why), verdict, recorded_verdict, first_reading, reason and command.
[[nodiscard]] nlohmann::ordered_json ledger_rows(std::span<const ledger::Finding> findings);

/// A row for each document and kind.
[[nodiscard]] nlohmann::ordered_json ledger_summary_rows(std::span<const ledger::Finding> findings);

/// The same as a table, with a line for each document and one for all.
[[nodiscard]] std::string ledger_summary_table(std::span<const ledger::Finding> findings);

/// A line for each claim.
[[nodiscard]] std::string ledger_claim_lines(std::span<const ledger::Finding> findings);

/// All that is known of each claim, a block for each.
[[nodiscard]] std::string ledger_claim_blocks(std::span<const ledger::Finding> findings);

}  // namespace prophet
