#pragma once

#include <array>
#include <string>
#include <string_view>

#include "bench/tables/table.hpp"

namespace prophet::tables {

enum class TableFormat : std::uint8_t { csv, markdown, latex };
inline constexpr std::array table_formats = {TableFormat::csv, TableFormat::markdown, TableFormat::latex};

/// "csv", "markdown" or "latex".
[[nodiscard]] const char* table_format_name(TableFormat format) noexcept;
/// The end of a file's name: "csv", "md" or "tex".
[[nodiscard]] const char* table_format_extension(TableFormat format) noexcept;
/// Throws Error{usage} for another name.
[[nodiscard]] TableFormat parse_table_format(std::string_view name);

/// The table as text. It begins with `made_by`, name and catalogue, as a comment of the format.
///   csv: a line of keys and a line a row; numbers with all digits, nothing where a cell is unknown.
///   markdown: a heading, the table with "-" where a cell is unknown, the notes.
///   latex: one tabular between rules, which needs no package; the notes are comments.
[[nodiscard]] std::string table_text(const Table& table, TableFormat format, std::string_view made_by);

/// True when `text` begins as table_text() begins any table in that format.
[[nodiscard]] bool is_table_text(std::string_view text, TableFormat format);

}  // namespace prophet::tables
