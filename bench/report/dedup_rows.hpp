#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/dedup/fit_dedup.hpp"

namespace prophet {

/// A flat row for each batch of the mean over layers (`layer` is null), then, where asked, of each layer:
/// what was counted, what is expected, what the laws say and by how much they are off, and the fit that the
/// row belongs to.
[[nodiscard]] nlohmann::ordered_json dedup_rows(const DedupReport& report, bool per_layer);

/// The fits of the mean over layers, the study's law beside them, and how far layers lie apart.
[[nodiscard]] nlohmann::ordered_json dedup_summary(const DedupReport& report);

/// The table of batches, the fits in sentences and, where asked, a line for each layer.
[[nodiscard]] std::string dedup_table(const DedupReport& report, const DedupOptions& options, bool per_layer);

}  // namespace prophet
