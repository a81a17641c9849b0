#include "bench/page/writers.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "bench/page/escape.hpp"

namespace prophet::page {
namespace {

using testing::HasSubstr;
using testing::Not;

using Rows = std::vector<std::vector<std::string>>;

Table sample_table() {
  Table table;
  table.title = "Hits & misses";
  table.columns = {{"policy", "", ColumnKind::text},
                   {"hit", "%", ColumnKind::number},
                   {"command", "", ColumnKind::command}};
  table.rows = {
      {{"lru", std::nullopt, Tone::plain}, {"9.50", 0.095, Tone::plain}, {"prophet a --b", {}, Tone::plain}},
      {{"<script>|</script>", std::nullopt, Tone::bad}, {"", {}, Tone::plain}, {"", {}, Tone::plain}},
      {{"a_b \"c\"", std::nullopt, Tone::good}, {"10.00", 0.1, Tone::plain}, {"x", {}, Tone::plain}}};
  table.note = "hit: found";
  return table;
}

Page sample_page() {
  Page page;
  page.title = "A <title>";
  page.lead = {"1. made by a & b"};
  Section section{"Results", {}};
  section.blocks.emplace_back(Heading{"replay.json"});
  section.blocks.emplace_back(Paragraph{"SIMULATED", true});
  section.blocks.emplace_back(sample_table());
  section.blocks.emplace_back(
      Figure{"Stall", "from a sweep", "/tmp/figures/stall.svg", "<svg onload=\"x()\"/>"});
  section.blocks.emplace_back(
      Download{"All of it", "stall.csv", "/tmp/figures/stall.csv", "text/csv", "a,b\n1,2\n"});
  page.sections.push_back(section);
  return page;
}

std::string replaced(std::string text, const std::vector<std::pair<std::string, std::string>>& pairs) {
  for (const auto& [from, to] : pairs)
    for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  return text;
}

std::string without_references(const std::string& text) {
  return replaced(text, {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}});
}

/// The cells of every body row of an HTML page.
Rows html_rows(const std::string& html) {
  Rows rows;
  const std::regex row("<tr>(.*?)</tr>");
  const std::regex cell("<td[^>]*>(.*?)</td>");
  for (std::sregex_iterator r(html.begin(), html.end(), row), end; r != end; ++r) {
    const std::string cells = (*r)[1];
    std::vector<std::string> texts;
    for (std::sregex_iterator c(cells.begin(), cells.end(), cell); c != end; ++c)
      texts.push_back(
          without_references(replaced((*c)[1], {{"<span>", ""}, {"</span>", ""}, {"<wbr>", ""}})));
    if (!texts.empty()) rows.push_back(texts);
  }
  return rows;
}

/// Likewise of Markdown.
Rows markdown_rows(const std::string& markdown) {
  Rows rows;
  const std::regex line("\\n\\|([^\\n]*)");
  const std::regex cell(" ((?:\\\\.|[^|\\\\])*) \\|");
  for (std::sregex_iterator r(markdown.begin(), markdown.end(), line), end; r != end; ++r) {
    const std::string cells = (*r)[1];
    std::vector<std::string> texts;
    for (std::sregex_iterator c(cells.begin(), cells.end(), cell); c != end; ++c)
      texts.push_back(without_references(std::regex_replace((*c)[1].str(), std::regex("\\\\(.)"), "$1")));
    if (!texts.empty()) rows.push_back(texts);
  }
  rows.erase(rows.begin());  // the headings
  return rows;
}

Rows rows_of(const Table& table) {
  Rows rows;
  for (const auto& row : table.rows) {
    rows.emplace_back();
    for (const Cell& cell : row) rows.back().push_back(cell.text);
  }
  return rows;
}

TEST(Writers, BothHoldTheSameRows) {
  EXPECT_EQ(html_rows(html_text(sample_page())), rows_of(sample_table()));
  EXPECT_EQ(markdown_rows(markdown_text(sample_page(), "/tmp")), rows_of(sample_table()));
}

TEST(Writers, BothHoldEveryTitleSentenceAndNote) {
  for (const std::string& text : {html_text(sample_page()), markdown_text(sample_page(), "/tmp")}) {
    for (const char* part :
         {"A &lt;title&gt;", "made by a &amp; b", "Results", "replay.json", "SIMULATED", "Hits &amp; misses",
          "hit: found", "Stall", "from a sweep", "All of it", "stall.csv"})
      EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Writers, NoTextFromAFileIsMarkup) {
  const std::string html = html_text(sample_page());
  EXPECT_THAT(html, HasSubstr("<td class=\"bad\">&lt;script&gt;|&lt;/script&gt;</td>"));
  EXPECT_THAT(html, Not(HasSubstr("onload")));
  const std::string markdown = markdown_text(sample_page(), "/tmp");
  EXPECT_THAT(markdown, HasSubstr("| &lt;script&gt;\\|&lt;/script&gt; |"));
  EXPECT_THAT(markdown, Not(HasSubstr("<script")));
  EXPECT_THAT(markdown, HasSubstr("\n1\\. made by")) << "else a numbered list";
}

TEST(Writers, NumbersCarryAllTheirDigitsForSorting) {
  EXPECT_THAT(html_text(sample_page()), HasSubstr("<td class=\"number\" data-number=\"0.095\">9.50</td>"));
}

TEST(Writers, TheHtmlPageNamesNothingOutsideOfItself) {
  const std::string html = html_text(sample_page());
  const std::regex reference("(?:href|src)=\"([^\"]*)\"");
  for (std::sregex_iterator r(html.begin(), html.end(), reference), end; r != end; ++r) {
    const std::string target = (*r)[1];
    EXPECT_TRUE(target.starts_with("#") || target.starts_with("data:")) << target;
  }
  EXPECT_THAT(html, Not(HasSubstr("http://")));
  EXPECT_THAT(html, Not(HasSubstr("https://")));
  EXPECT_THAT(html, Not(HasSubstr("@import")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST(Writers, AFigureIsAnImageAndItsDataADownload) {
  const std::string html = html_text(sample_page());
  EXPECT_THAT(html, HasSubstr(data_uri("image/svg+xml", "<svg onload=\"x()\"/>")));
  EXPECT_THAT(html, HasSubstr("download=\"stall.csv\" href=\"data:text/csv;base64,YSxiCjEsMgo=\""));
  const std::string markdown = markdown_text(sample_page(), "/tmp/reports");
  EXPECT_THAT(markdown, HasSubstr("![Stall](../figures/stall.svg)"));
  EXPECT_THAT(markdown, HasSubstr("[stall.csv](../figures/stall.csv)"));
}

TEST(Writers, AFoldedTableCanBeOpenedWithoutAScript) {
  Page page = sample_page();
  std::get<Table>(page.sections[0].blocks[2]).is_folded = true;
  EXPECT_THAT(html_text(page), HasSubstr("<details>\n<summary>Hits &amp; misses (3 rows)</summary>"));
}

TEST(Writers, LongTablesHaveAFilter) {
  Page page = sample_page();
  EXPECT_THAT(html_text(page), Not(HasSubstr("data-filter")));
  Table& table = std::get<Table>(page.sections[0].blocks[2]);
  table.rows.resize(100, table.rows.front());
  EXPECT_THAT(html_text(page), HasSubstr("<table data-filter>"));
}

}  // namespace
}  // namespace prophet::page
