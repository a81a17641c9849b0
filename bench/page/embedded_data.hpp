#pragma once

#include <span>

#include "runtime/base/embedded_file.hpp"

namespace prophet {

/// The files of bench/page/data: style first, then script.
[[nodiscard]] std::span<const EmbeddedFile> embedded_page_data() noexcept;

}  // namespace prophet
