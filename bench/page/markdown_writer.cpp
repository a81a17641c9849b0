#include <fmt/format.h>

#include "bench/page/escape.hpp"
#include "bench/page/writers.hpp"

namespace prophet::page {
namespace {

std::string heading_text(const Column& column) {
  return markdown_escape(column.unit.empty() ? column.heading : column.heading + ", " + column.unit);
}

std::string table_lines(const Table& table) {
  std::string heads = "|";
  std::string rule = "|";
  for (const Column& column : table.columns) {
    heads += fmt::format(" {} |", heading_text(column));
    rule += column.kind == ColumnKind::number ? "---:|" : "---|";
  }
  std::string text = heads + "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    text += "|";
    for (const Cell& cell : row) text += fmt::format(" {} |", markdown_escape(cell.text));
    text += "\n";
  }
  return text;
}

/// What begins a line and would be a list, a heading's rule or a numbered item gets a backslash.
std::string line_text(std::string_view text) {
  std::string escaped = markdown_escape(text);
  std::size_t mark = escaped.find_first_not_of("0123456789");
  if (mark == escaped.npos) return escaped;
  const std::string_view marks = mark == 0 ? "-+=" : ".)";
  if (marks.find(escaped[mark]) != marks.npos) escaped.insert(mark, 1, '\\');
  return escaped;
}

class Writer {
 public:
  explicit Writer(const std::filesystem::path& folder) : folder_(folder) {}

  std::string write(const Page& page) {
    text_ = fmt::format("# {}\n", markdown_escape(page.title));
    for (const std::string& sentence : page.lead) text_ += fmt::format("\n{}\n", line_text(sentence));
    for (const Section& section : page.sections) {
      text_ += fmt::format("\n## {}\n", markdown_escape(section.title));
      for (const Block& block : section.blocks) std::visit([&](const auto& each) { add(each); }, block);
    }
    return text_;
  }

 private:
  void add(const Heading& heading) { text_ += fmt::format("\n### {}\n", markdown_escape(heading.text)); }

  void add(const Paragraph& paragraph) {
    text_ += fmt::format("\n{}{}\n", paragraph.is_remark ? "> " : "", line_text(paragraph.text));
  }

  void add(const Table& table) {
    text_ += fmt::format("\n**{}**\n\n{}", markdown_escape(table.title), table_lines(table));
    if (!table.note.empty()) text_ += fmt::format("\n{}\n", line_text(table.note));
  }

  void add(const Figure& figure) {
    text_ += fmt::format("\n![{}]({})\n", markdown_escape(figure.title), link(figure.path));
    if (!figure.caption.empty()) text_ += fmt::format("\n{}\n", line_text(figure.caption));
  }

  void add(const Download& download) {
    text_ += fmt::format("\n{}: [{}]({})\n", line_text(download.label), markdown_escape(download.name),
                         link(download.path));
  }

  [[nodiscard]] std::string link(const std::string& path) const {
    std::error_code failure;
    const auto relative = std::filesystem::relative(path, folder_.empty() ? "." : folder_, failure);
    return uri_path(failure || relative.empty() ? path : relative.generic_string());
  }

  std::filesystem::path folder_;
  std::string text_;
};

}  // namespace

std::string markdown_text(const Page& page, const std::filesystem::path& folder) {
  return Writer(folder).write(page);
}

}  // namespace prophet::page
