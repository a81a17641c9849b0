#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/ledger/entry.hpp"

namespace prophet::ledger {

/// The entries of a ledger's text, in its order. `name` is the file's, for errors. Throws Error{bad_input}
/// that names file, line and field: what CsvTable throws, an unknown basis or verdict, an empty reason, a
/// verdict that its basis cannot come to, the same id twice.
[[nodiscard]] std::vector<Entry> read_ledger(const std::string& name, std::string_view text);

/// All 1,088 that the program ships. Read once.
[[nodiscard]] const std::vector<Entry>& shipped_ledger();

/// The claims of a text with the columns id, source, section, kind, model, gpu, batch, seq_len, metric,
/// claimed_value and unit, each with the rest of the entry of its id; other columns do not count. Throws
/// Error{bad_input} likewise, and for an id that `ledger` has not, with the nearest.
[[nodiscard]] std::vector<Entry> read_claims(const std::string& name, std::string_view text,
                                             const std::vector<Entry>& ledger);

}  // namespace prophet::ledger
