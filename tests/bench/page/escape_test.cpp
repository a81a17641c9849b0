#include "bench/page/escape.hpp"

#include <gtest/gtest.h>

#include <string>

namespace prophet::page {
namespace {

TEST(Escape, HtmlHasNoCharacterThatCouldEndAnElementOrAnAttribute) {
  EXPECT_EQ(html_escape(R"(<script>alert("x")</script> & 'y')"),
            "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;");
}

TEST(Escape, BytesThatAreNoTextBecomeReplacementCharacters) {
  EXPECT_EQ(html_escape(std::string_view("a\0b\x7F", 4)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(html_escape("caf\xE9"), "caf\xEF\xBF\xBD");
  EXPECT_EQ(html_escape("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Escape, MarkdownKeepsATableRowInOneCell) {
  EXPECT_EQ(markdown_escape("a|b\nc"), "a\\|b c");
  EXPECT_EQ(markdown_escape("`*[x](y)*` <b>"), "\\`\\*\\[x\\](y)\\*\\` &lt;b&gt;");
}

TEST(Escape, MarkdownLeavesNamesWithUnderscoresReadable) {
  EXPECT_EQ(markdown_escape("all_resident _x_"), "all_resident \\_x\\_");
}

TEST(Escape, Base64IsThatOfTheStandard) {
  const char* const expected[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  const std::string text = "foobar";
  for (std::size_t n = 0; n <= text.size(); ++n) EXPECT_EQ(base64(text.substr(0, n)), expected[n]);
  EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79");
  EXPECT_EQ(data_uri("text/csv", "a,b"), "data:text/csv;base64,YSxi");
}

TEST(Escape, PathsAreReferencesWithoutBlanksAndBrackets) {
  EXPECT_EQ(uri_path("../my results/a(1).json"), "../my%20results/a%281%29.json");
}

}  // namespace
}  // namespace prophet::page
