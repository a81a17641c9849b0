#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/byte_stream.hpp"

namespace prophet {

/// Cuts a text into lines that end in LF, CR LF or CR; the last one may lack its end. A UTF-8 byte-order mark
/// is dropped. Holds one line and one block of the source. Not thread-safe.
class LineReader {
 public:
  /// `stream` must outlive the reader; its where() begins the sentences.
  explicit LineReader(ByteStream& stream);

  /// Gives the next line without its end, valid until the next call; false at the end of the text. Throws
  /// Error{bad_input} for a line longer than limits::text_line_bytes_max.
  [[nodiscard]] bool next(std::string_view& line);

  /// Number of the line that next() gave last, from 1.
  [[nodiscard]] std::uint64_t line_number() const noexcept { return line_number_; }

 private:
  [[nodiscard]] bool fill();
  void append(std::string_view piece);
  void skip_line_feed();

  ByteStream& stream_;
  std::vector<std::byte> block_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::string line_;
  std::uint64_t line_number_ = 0;
};

}  // namespace prophet
