#include "bench/tables/table_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "prophet/error.hpp"

namespace prophet::tables {
namespace {

/// The first words of every file, after what begins a comment.
constexpr std::string_view signature = "prophet tables: ";
constexpr std::string_view unknown = "-";

std::string_view comment_begin(TableFormat format) {
  switch (format) {
    case TableFormat::csv:
      return "# ";
    case TableFormat::markdown:
      return "<!-- ";
    case TableFormat::latex:
      return "% ";
  }
  return "";
}

std::string comment(TableFormat format, std::string_view text) {
  return fmt::format("{}{}{}\n", comment_begin(format), text, format == TableFormat::markdown ? " -->" : "");
}

std::string command_of(const Table& table) {
  return fmt::format("prophet tables --table {} --catalogue {}", table.name,
                     analytic::catalogue_name(table.catalogue));
}

std::string first_line(const Table& table, TableFormat format, std::string_view made_by) {
  return comment(format, fmt::format("{}{}, {} catalogue; {}", signature, table.name,
                                     analytic::catalogue_name(table.catalogue), made_by));
}

std::string title_of(const Table& table) {
  return fmt::format("{} ({}; document{} {})", table.title,
                     table.catalogue == Catalogue::study ? "as the study has it" : "as the models are",
                     table.document.find(' ') == std::string::npos ? "" : "s", table.document);
}

/// Title, notes and how to repeat it, as comments.
std::string comments(const Table& table, TableFormat format) {
  std::string text = comment(format, title_of(table));
  for (const std::string& note : table.notes) text += comment(format, note);
  return text + comment(format, fmt::format("repeat with: {}", command_of(table)));
}

/// What readers see, before a format's own escapes.
std::string rounded(const Cell& cell, const Column& column) {
  if (!cell.known()) return std::string(unknown);
  if (!cell.number()) return cell.words();
  const double unit = std::pow(10.0, column.decimals);
  const double shown = std::round(*cell.number() * unit) / unit;
  return fmt::format("{:.{}f}", shown == 0 ? 0.0 : shown, column.decimals);  // not -0
}

template <typename TextOf>
std::string joined(std::size_t count, std::string_view between, TextOf text_of) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::string(i == 0 ? "" : between) + text_of(i);
  return text;
}

/// With quotes where there is a comma, a quote, a line's end or what begins a comment.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n#") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + "\"";
}

std::string csv_cell(const Cell& cell) {
  return cell.number() ? fmt::format("{}", *cell.number()) : csv_field(cell.words());
}

std::string csv_of(const Table& table, std::string_view made_by) {
  std::string text =
      first_line(table, TableFormat::csv, made_by) + comments(table, TableFormat::csv) +
      joined(table.columns.size(), ",", [&](std::size_t c) { return csv_field(table.columns[c].key); }) +
      "\n";
  for (const auto& row : table.rows)
    text += joined(row.size(), ",", [&](std::size_t c) { return csv_cell(row[c]); }) + "\n";
  return text;
}

std::string markdown_words(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (std::string_view("\\|*`<[").find(letter) != std::string_view::npos) escaped += '\\';
    escaped += letter;
  }
  return escaped;
}

std::string markdown_of(const Table& table, std::string_view made_by) {
  const std::size_t count = table.columns.size();
  const auto line = [&](auto text_of) { return fmt::format("| {} |\n", joined(count, " | ", text_of)); };
  std::string text = first_line(table, TableFormat::markdown, made_by) +
                     fmt::format("### {}\n\n", markdown_words(title_of(table)));
  text += line([&](std::size_t c) { return markdown_words(table.columns[c].heading); });
  text += line([&](std::size_t c) { return std::string(table.columns[c].is_text ? "---" : "---:"); });
  for (const auto& row : table.rows)
    text += line([&](std::size_t c) { return markdown_words(rounded(row[c], table.columns[c])); });
  text += "\n";
  for (const std::string& note : table.notes) text += fmt::format("* {}\n", markdown_words(note));
  return text + fmt::format("* Repeat with `{}`.\n", command_of(table));
}

std::string latex_letter(char letter) {
  switch (letter) {
    case '&':
    case '%':
    case '$':
    case '#':
    case '_':
    case '{':
    case '}':
      return std::string("\\") + letter;
    case '~':
      return "\\textasciitilde{}";
    case '^':
      return "\\textasciicircum{}";
    case '\\':
      return "\\textbackslash{}";
    case '<':
    case '>':
    case '|':
      return std::string("$") + letter + "$";
    default:
      return std::string(1, letter);
  }
}

std::string latex_words(std::string_view text) {
  std::string escaped;
  for (const char letter : text) escaped += latex_letter(letter);
  return escaped;
}

/// Negative numbers with a minus sign and not a hyphen.
std::string latex_cell(const Cell& cell, const Column& column) {
  const std::string text = rounded(cell, column);
  if (cell.number() && text.front() == '-') return fmt::format("${}$", text);
  return latex_words(text);
}

std::string latex_of(const Table& table, std::string_view made_by) {
  const std::size_t count = table.columns.size();
  const auto line = [&](auto text_of) { return fmt::format("{} \\\\\n", joined(count, " & ", text_of)); };
  const std::string sides =
      joined(count, "", [&](std::size_t c) { return std::string(table.columns[c].is_text ? "l" : "r"); });
  std::string text = first_line(table, TableFormat::latex, made_by) + comments(table, TableFormat::latex);
  text += fmt::format("\\begin{{tabular}}{{{}}}\n\\hline\n", sides);
  text += line([&](std::size_t c) { return latex_words(table.columns[c].heading); }) + "\\hline\n";
  for (const auto& row : table.rows)
    text += line([&](std::size_t c) { return latex_cell(row[c], table.columns[c]); });
  return text + "\\hline\n\\end{tabular}\n";
}

}  // namespace

const char* table_format_name(TableFormat format) noexcept {
  constexpr std::array names = {"csv", "markdown", "latex"};
  return names[static_cast<std::size_t>(format)];
}

const char* table_format_extension(TableFormat format) noexcept {
  constexpr std::array extensions = {"csv", "md", "tex"};
  return extensions[static_cast<std::size_t>(format)];
}

TableFormat parse_table_format(std::string_view name) {
  for (const TableFormat format : table_formats) {
    if (name == table_format_name(format)) return format;
  }
  throw Error(ErrorCode::usage, fmt::format("--format '{}': expected csv, markdown or latex", name));
}

std::string table_text(const Table& table, TableFormat format, std::string_view made_by) {
  switch (format) {
    case TableFormat::csv:
      return csv_of(table, made_by);
    case TableFormat::markdown:
      return markdown_of(table, made_by);
    case TableFormat::latex:
      return latex_of(table, made_by);
  }
  return "";
}

bool is_table_text(std::string_view text, TableFormat format) {
  return text.starts_with(fmt::format("{}{}", comment_begin(format), signature));
}

}  // namespace prophet::tables
