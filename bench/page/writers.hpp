#pragma once

#include <filesystem>
#include <string>

#include "bench/page/page.hpp"

namespace prophet::page {

/// One HTML page that needs no other file and no network: pictures and downloads are data URIs, style and
/// script stand in it, and its content security policy forbids anything else. Without JavaScript everything
/// can be read; with it, a click on a heading sorts a table, and long tables have a filter.
[[nodiscard]] std::string html_text(const Page& page);

/// The same content as GitHub-flavoured Markdown. Pictures and downloads are links to the files that they
/// were read from, relative to `folder`, in which the Markdown is to lie.
[[nodiscard]] std::string markdown_text(const Page& page, const std::filesystem::path& folder);

}  // namespace prophet::page
