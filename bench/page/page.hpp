#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// A page of text, tables and pictures, made once and written by several writers, so that all of them say the
/// same. Texts are plain: UTF-8 without any markup, which each writer escapes for itself.
namespace prophet::page {

enum class Tone : std::uint8_t { plain, good, bad, faint };

struct Cell {
  std::string text;              ///< as it is printed; empty where nothing is known
  std::optional<double> number;  ///< what it is sorted by, with all digits; none for words
  Tone tone = Tone::plain;
};

/// What a column holds, which decides how it is set.
enum class ColumnKind : std::uint8_t {
  text,      ///< a few words on one line
  number,    ///< right-aligned
  sentence,  ///< broken into lines
  command,   ///< likewise, between words only, in a typewriter's letters
};

struct Column {
  std::string heading;
  std::string unit;  ///< printed below the heading; may be empty
  ColumnKind kind = ColumnKind::text;
};

/// Every row has one cell a column.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::string note;        ///< below it: what columns mean; may be empty
  bool is_folded = false;  ///< closed until its title is clicked, where a format can do that
};

struct Heading {
  std::string text;
};

struct Paragraph {
  std::string text;
  bool is_remark = false;  ///< something that a reader must not overlook
};

/// A file that the page carries with it.
struct Download {
  std::string label;
  std::string name;        ///< that it is saved under
  std::string path;        ///< where it lay when the page was made
  std::string media_type;  ///< "application/json"
  std::string bytes;
};

struct Figure {
  std::string title;
  std::string caption;  ///< what it was drawn from; may be empty
  std::string path;     ///< of the SVG when the page was made
  std::string svg;      ///< its text
};

using Block = std::variant<Heading, Paragraph, Table, Figure, Download>;

struct Section {
  std::string title;
  std::vector<Block> blocks;
};

struct Page {
  std::string title;
  std::vector<std::string> lead;  ///< paragraphs before the first section
  std::vector<Section> sections;
};

}  // namespace prophet::page
