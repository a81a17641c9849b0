#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "runtime/engine/live/perplexity_report.hpp"

namespace prophet {

/// One flat object a format. Standard errors are null where there is one window only.
[[nodiscard]] nlohmann::json perplexity_rows_json(const PerplexityReport& report);
/// The same rows as CSV, keys as the header line; what is null in JSON is empty.
[[nodiscard]] std::string perplexity_rows_csv(const PerplexityReport& report);
/// The table a person reads: one line a format, and what the columns mean. `token` is what the text is made
/// of: "byte" or "token".
[[nodiscard]] std::string perplexity_table(const PerplexityReport& report, const std::string& token);

}  // namespace prophet
