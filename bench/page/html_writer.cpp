#include <fmt/format.h>

#include <string_view>

#include "bench/page/embedded_data.hpp"
#include "bench/page/escape.hpp"
#include "bench/page/writers.hpp"

namespace prophet::page {
namespace {

/// Wider tables are printed in smaller letters.
constexpr std::size_t narrow_table_columns = 15;
/// Longer tables scroll in a window of their own and have a filter.
constexpr std::size_t short_table_rows = 60;

const char* tone_class(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "good";
    case Tone::bad:
      return "bad";
    case Tone::faint:
      return "faint";
    case Tone::plain:
      return "";
  }
  return "";
}

std::string class_attribute(std::string_view first, std::string_view second = {}) {
  if (first.empty() && second.empty()) return "";
  return fmt::format(" class=\"{}{}{}\"", first, first.empty() || second.empty() ? "" : " ", second);
}

std::string_view column_class(const Column& column) {
  switch (column.kind) {
    case ColumnKind::text:
      return "";
    case ColumnKind::number:
      return "number";
    case ColumnKind::sentence:
      return "sentence";
    case ColumnKind::command:
      return "command";
  }
  return "";
}

/// Each word of a command in an element of its own, so that no line breaks at one of its hyphens.
std::string command_words(std::string_view command) {
  std::string text;
  while (!command.empty()) {
    const std::size_t end = command.find(' ');
    if (!text.empty()) text += ' ';
    text += fmt::format("<span>{}</span>", html_escape(command.substr(0, end)));
    command.remove_prefix(end == command.npos ? command.size() : end + 1);
  }
  return text;
}

/// A long key may break behind its underscores.
std::string key_text(const std::string& key) {
  std::string text;
  for (const char c : html_escape(key)) text += c == '_' ? "_<wbr>" : std::string(1, c);
  return text;
}

std::string heading_cell(const Column& column) {
  const std::string unit =
      column.unit.empty() ? "" : fmt::format(" <span class=\"unit\">{}</span>", html_escape(column.unit));
  return fmt::format("<th scope=\"col\"{}><span class=\"label\">{}</span>{}</th>",
                     class_attribute(column_class(column)), key_text(column.heading), unit);
}

std::string body_cell(const Column& column, const Cell& cell) {
  const std::string sort_key = cell.number ? fmt::format(" data-number=\"{}\"", *cell.number) : "";
  const std::string content =
      column.kind == ColumnKind::command ? command_words(cell.text) : key_text(cell.text);
  return fmt::format("<td{}{}>{}</td>", class_attribute(column_class(column), tone_class(cell.tone)),
                     sort_key, content);
}

std::string table_rows(const Table& table) {
  std::string text = "<thead><tr>";
  for (const Column& column : table.columns) text += heading_cell(column);
  text += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    text += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) text += body_cell(table.columns[c], row[c]);
    text += "</tr>\n";
  }
  return text + "</tbody>";
}

std::string rows_text(std::size_t rows) {
  return fmt::format("{} {}", rows, rows == 1 ? "row" : "rows");
}

class Writer {
 public:
  std::string write(const Page& page) {
    text_ = head(page);
    text_ += fmt::format("<header>\n<h1>{}</h1>\n", html_escape(page.title));
    for (const std::string& sentence : page.lead) text_ += fmt::format("<p>{}</p>\n", html_escape(sentence));
    text_ += "</header>\n" + contents(page) + "<main>\n";
    for (std::size_t s = 0; s < page.sections.size(); ++s) write_section(page.sections[s], s);
    text_ += "</main>\n<script>" + std::string(embedded_page_data()[1].contents) + "</script>\n";
    return text_ + "</body>\n</html>\n";
  }

 private:
  static std::string head(const Page& page) {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        html_escape(page.title), embedded_page_data()[0].contents);
  }

  static std::string contents(const Page& page) {
    std::string text = "<nav aria-label=\"Contents\"><ul>\n";
    for (std::size_t s = 0; s < page.sections.size(); ++s)
      text += fmt::format("<li><a href=\"#section-{}\">{}</a></li>\n", s + 1,
                          html_escape(page.sections[s].title));
    return text + "</ul></nav>\n";
  }

  void write_section(const Section& section, std::size_t index) {
    text_ += fmt::format("<section id=\"section-{}\">\n<h2>{}</h2>\n", index + 1, html_escape(section.title));
    for (const Block& block : section.blocks) std::visit([&](const auto& each) { write(each); }, block);
    text_ += "</section>\n";
  }

  void write(const Heading& heading) { text_ += fmt::format("<h3>{}</h3>\n", html_escape(heading.text)); }

  void write(const Paragraph& paragraph) {
    text_ += fmt::format("<p{}>{}</p>\n", class_attribute(paragraph.is_remark ? "remark" : ""),
                         html_escape(paragraph.text));
  }

  void write(const Table& table) {
    const std::string title = html_escape(table.title);
    const bool is_long = table.rows.size() > short_table_rows;
    if (table.is_folded)
      text_ += fmt::format("<details>\n<summary>{} ({})</summary>\n", title, rows_text(table.rows.size()));
    text_ += fmt::format(
        "<div{} role=\"region\" tabindex=\"0\" aria-label=\"{}\">\n<table{}{}>\n{}{}\n</table>\n</div>\n",
        class_attribute("scroll", is_long ? "tall" : ""), title,
        class_attribute(table.columns.size() > narrow_table_columns ? "wide" : ""),
        is_long ? " data-filter" : "", table.is_folded ? "" : fmt::format("<caption>{}</caption>\n", title),
        table_rows(table));
    if (!table.note.empty()) text_ += fmt::format("<p class=\"note\">{}</p>\n", html_escape(table.note));
    if (table.is_folded) text_ += "</details>\n";
  }

  void write(const Figure& figure) {
    text_ += fmt::format("<figure>\n<img alt=\"{}\" src=\"{}\">\n", html_escape(figure.title),
                         data_uri("image/svg+xml", figure.svg));
    if (!figure.caption.empty())
      text_ += fmt::format("<figcaption>{}</figcaption>\n", html_escape(figure.caption));
    text_ += "</figure>\n";
  }

  void write(const Download& download) {
    text_ += fmt::format("<p class=\"download\">{}: <a download=\"{}\" href=\"{}\">{}</a></p>\n",
                         html_escape(download.label), html_escape(download.name),
                         data_uri(download.media_type, download.bytes), html_escape(download.name));
  }

  std::string text_;
};

}  // namespace

std::string html_text(const Page& page) {
  return Writer().write(page);
}

}  // namespace prophet::page
