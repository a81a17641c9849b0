#include "runtime/trace/line_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

constexpr std::size_t block_bytes = 256 << 10;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

LineReader::LineReader(ByteStream& stream) : stream_(stream), block_(block_bytes) {}

bool LineReader::next(std::string_view& line) {
  line_.clear();
  if (at_ == end_ && !fill()) return false;
  ++line_number_;
  do {
    const auto* begin = reinterpret_cast<const char*>(block_.data());
    const auto* from = begin + at_;
    const auto* stop = std::find_if(from, begin + end_, [](char c) { return c == '\n' || c == '\r'; });
    append(std::string_view(from, static_cast<std::size_t>(stop - from)));
    at_ = static_cast<std::size_t>(stop - begin);
    if (at_ < end_) {
      ++at_;
      if (*stop == '\r') skip_line_feed();
      break;
    }
  } while (fill());
  line = line_;
  if (line_number_ == 1 && line.substr(0, byte_order_mark.size()) == byte_order_mark) {
    line.remove_prefix(byte_order_mark.size());
  }
  return true;
}

bool LineReader::fill() {
  at_ = 0;
  end_ = stream_.read(block_);
  return end_ > 0;
}

void LineReader::append(std::string_view piece) {
  if (line_.size() + piece.size() > limits::text_line_bytes_max) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: line {}: is longer than {} bytes, the most a line may have", stream_.where(),
                            line_number_, limits::text_line_bytes_max));
  }
  line_.append(piece);
}

void LineReader::skip_line_feed() {
  if (at_ == end_ && !fill()) return;
  if (block_[at_] == std::byte{'\n'}) ++at_;
}

}  // namespace prophet
