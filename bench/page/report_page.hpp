#pragma once

#include <filesystem>
#include <string>

#include "bench/page/page.hpp"
#include "bench/page/result_file.hpp"

namespace prophet::page {

/// The page that `prophet report` writes: what was run, each kind of result, and the pictures of a folder,
/// none where that is empty. `made_by` is the provenance of the command that makes it: argv, version,
/// git_commit, git_dirty.
[[nodiscard]] Page report_page(const Results& results, const std::filesystem::path& figures,
                               const Json& made_by);

}  // namespace prophet::page
