#pragma once

namespace prophet {

/// The version of every JSON document that Prophet writes; it grows when a key changes its meaning.
inline constexpr int report_schema_version = 1;

}  // namespace prophet
