// A table as CSV, Markdown and LaTeX: escapes, unknown cells, numbers, and the line that every file begins
// with.
#include "bench/tables/table_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/test_data.hpp"

namespace prophet::tables {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// One row a kind of cell: words that every format has to escape, a long number, a negative one, nothing.
Table awkward_table() {
  Table table;
  table.name = "awkward";
  table.document = "004";
  table.title = "Cells & their escapes";
  table.catalogue = Catalogue::real;
  table.notes = {"E * k | B_0 is 5 % of #1."};
  table.columns = {text_column("name", "a name"), percent_column("share_percent", "share"),
                   number_column("ratio", "ratio_1", 2)};
  table.rows = {{"a,b \"quoted\" #1", 100.0 / 3, -0.456},
                {"50% & {x} | a_b^c~\\<d> $5 `e` *f*", Cell(), -0.001}};
  return table;
}

std::string text_of(TableFormat format) {
  return table_text(awkward_table(), format, "prophet 1.2.3 (abc)");
}

TEST(TableText, CsvQuotesWhatNeedsItAndHasAllDigitsAndNothingForWhatIsUnknown) {
  const std::string text = text_of(TableFormat::csv);
  EXPECT_THAT(text, StartsWith("# prophet tables: awkward, real catalogue; prophet 1.2.3 (abc)\n"));
  EXPECT_THAT(text, HasSubstr("\n# Cells & their escapes (as the models are; document 004)\n"));
  EXPECT_THAT(text, HasSubstr("\n# repeat with: prophet tables --table awkward --catalogue real\n"));
  EXPECT_THAT(text, EndsWith("\nname,share_percent,ratio\n"
                             "\"a,b \"\"quoted\"\" #1\",33.333333333333336,-0.456\n"
                             "50% & {x} | a_b^c~\\<d> $5 `e` *f*,,-0.001\n"));
}

TEST(TableText, MarkdownEscapesBarsAndRoundsAndHasADashForWhatIsUnknown) {
  const std::string text = text_of(TableFormat::markdown);
  EXPECT_THAT(text, StartsWith("<!-- prophet tables: awkward, real catalogue; prophet 1.2.3 (abc) -->\n"));
  EXPECT_THAT(text, HasSubstr("| a name | share, % | ratio_1 |\n| --- | ---: | ---: |\n"
                              "| a,b \"quoted\" #1 | 33.33 | -0.46 |\n"
                              "| 50% & {x} \\| a_b^c~\\\\\\<d> $5 \\`e\\` \\*f\\* | - | 0.00 |\n"));
  EXPECT_THAT(text, HasSubstr("\n* E \\* k \\| B_0 is 5 % of #1.\n"));
}

TEST(TableText, LatexEscapesItsOwnCharactersAndHasOneTabular) {
  const std::string text = text_of(TableFormat::latex);
  EXPECT_THAT(text, StartsWith("% prophet tables: awkward, real catalogue; prophet 1.2.3 (abc)\n"));
  EXPECT_THAT(
      text,
      EndsWith("\\begin{tabular}{lrr}\n\\hline\n"
               "a name & share, \\% & ratio\\_1 \\\\\n\\hline\n"
               "a,b \"quoted\" \\#1 & 33.33 & $-0.46$ \\\\\n"
               "50\\% \\& \\{x\\} $|$ a\\_b\\textasciicircum{}c\\textasciitilde{}\\textbackslash{}$<$d$>$ "
               "\\$5 `e` *f* & - & 0.00 \\\\\n"
               "\\hline\n\\end{tabular}\n"));
}

TEST(TableText, KnowsItsOwnTextsByTheirFirstLine) {
  for (const TableFormat format : table_formats) {
    for (const TableFormat other : table_formats)
      EXPECT_EQ(is_table_text(text_of(format), other), format == other);
    EXPECT_FALSE(is_table_text("", format));
    EXPECT_FALSE(is_table_text("model,batch\n", format));
  }
}

TEST(TableText, AnUnknownFormatIsRefused) {
  EXPECT_EQ(test::refusal_of([] { return parse_table_format("html"); }),
            "--format 'html': expected csv, markdown or latex");
  for (const TableFormat format : table_formats)
    EXPECT_EQ(parse_table_format(table_format_name(format)), format);
}

}  // namespace
}  // namespace prophet::tables
