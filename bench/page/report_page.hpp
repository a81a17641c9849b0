#pragma once

#include <span>
#include <string>

#include "bench/page/page.hpp"
#include "bench/page/result_file.hpp"

namespace prophet::page {

/// The page that `prophet report` writes: what was run, then each kind of result. `made_by` is the
/// provenance of the command that makes it: argv, version, git_commit, git_dirty.
[[nodiscard]] Page report_page(std::span<const Result> results, const Json& made_by);

}  // namespace prophet::page
