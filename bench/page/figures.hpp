#pragma once

#include <filesystem>

#include "bench/page/page.hpp"

namespace prophet::page {

/// Every NAME.svg of a folder, by name, each with the numbers that it was drawn from: NAME.csv, else
/// NAME.json, a list of rows, a result or a timeline. Throws Error{bad_input} for what is no folder, a folder
/// without a picture, and files that are not what their names say.
[[nodiscard]] Section figures_section(const std::filesystem::path& folder);

}  // namespace prophet::page
