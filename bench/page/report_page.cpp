#include "bench/page/report_page.hpp"

#include <fmt/format.h>

#include "bench/page/figures.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {

Page report_page(const Results& read, const std::filesystem::path& figures, const Json& made_by) {
  const std::vector<Result>& results = read.results;
  Page page;
  page.title = "Prophet: report";
  page.lead.push_back(fmt::format(
      "Of {} {}; made by prophet {} ({}{}): {}", results.size(), results.size() == 1 ? "result" : "results",
      text_at(made_by, "version"), text_at(made_by, "git_commit"),
      is_true_at(made_by, "git_dirty") ? ", modified" : "", command_text(made_by.at("argv"))));
  for (const std::string& remark : read.remarks) page.lead.push_back(remark);
  Section answers = answers_section(results);
  if (!answers.blocks.empty()) page.sections.push_back(std::move(answers));
  page.sections.push_back(runs_section(results));
  for (Section& section : result_sections(results)) page.sections.push_back(std::move(section));
  if (!figures.empty()) page.sections.push_back(figures_section(figures));
  return page;
}

}  // namespace prophet::page
