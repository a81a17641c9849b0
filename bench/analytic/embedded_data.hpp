#pragma once

#include <span>

#include "runtime/base/embedded_file.hpp"

namespace prophet {

/// The files of bench/analytic/data: study_catalogue first, then published_counts.
[[nodiscard]] std::span<const EmbeddedFile> embedded_analytic_data() noexcept;

}  // namespace prophet
