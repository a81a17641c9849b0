#include "bench/page/report_page.hpp"

#include <fmt/format.h>

#include "bench/page/sections.hpp"

namespace prophet::page {

Page report_page(std::span<const Result> results, const Json& made_by) {
  Page page;
  page.title = "Prophet: report";
  page.lead.push_back(fmt::format(
      "Of {} {}; made by prophet {} ({}{}): {}", results.size(), results.size() == 1 ? "result" : "results",
      text_at(made_by, "version"), text_at(made_by, "git_commit"),
      is_true_at(made_by, "git_dirty") ? ", modified" : "", command_text(made_by.at("argv"))));
  page.sections.push_back(runs_section(results));
  for (Section& section : result_sections(results)) page.sections.push_back(std::move(section));
  return page;
}

}  // namespace prophet::page
