#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/trace/npy_array.hpp"

namespace prophet {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

/// The Python dictionary literal of a header: {'descr': '<u1', 'fortran_order': False, 'shape': (3, 2, 4), }
class HeaderDictionary {
 public:
  HeaderDictionary(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  NpyHeader read() {
    expect('{');
    while (!accept('}')) {
      read_field();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) wrong("nothing after the closing brace");
    if (!has_descr_ || !has_order_ || !has_shape_) wrong("the fields descr, fortran_order and shape");
    return header_;
  }

 private:
  [[noreturn]] void wrong(std::string_view expected) const {
    refuse(name_, fmt::format("offset {} of the npy header: expected {}", at_, expected));
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) wrong(fmt::format("'{}'", c));
  }

  std::string_view quoted() {
    skip_space();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) wrong("a quoted string");
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) wrong("a quote that closes");
    const auto inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  void read_field() {
    const auto key = quoted();
    expect(':');
    if (key == "descr" && !has_descr_) {
      read_descr();
    } else if (key == "fortran_order" && !has_order_) {
      read_order();
    } else if (key == "shape" && !has_shape_) {
      read_shape();
    } else {
      wrong("each of the fields descr, fortran_order and shape once, and no other");
    }
  }

  void read_descr() {
    has_descr_ = true;
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[')
      refuse(name_, "is a structured array, expected plain integers or floats");
    const auto descr = quoted();
    const bool sized = descr.size() == 3 && std::string_view("1248").find(descr[2]) != std::string_view::npos;
    const bool kind = sized && std::string_view("uif").find(descr[1]) != std::string_view::npos;
    const bool little = sized && (descr[0] == '<' || descr[0] == '=' || (descr[0] == '|' && descr[2] == '1'));
    if (sized && kind && descr[0] == '>') {
      refuse(name_, fmt::format("has the big-endian dtype '{}', expected little endian, such as '<{}{}'",
                                descr, descr[1], descr[2]));
    }
    if (!kind || !little) {
      refuse(
          name_,
          fmt::format("has dtype '{}', expected one of u1 u2 u4 u8 i2 i4 i8 for integers, f2 f4 for weights",
                      descr.substr(0, 32)));
    }
    header_.kind = descr[1];
    header_.item_bytes = static_cast<std::uint32_t>(descr[2] - '0');
  }

  void read_order() {
    has_order_ = true;
    skip_space();
    const auto rest = text_.substr(at_);
    if (rest.substr(0, 4) == "True") {
      refuse(name_, "is in Fortran order, expected C order; save numpy.ascontiguousarray(array) instead");
    }
    if (rest.substr(0, 5) != "False") wrong("True or False");
    at_ += 5;
  }

  void read_shape() {
    has_shape_ = true;
    expect('(');
    while (!accept(')')) {
      header_.shape.push_back(dimension());
      if (header_.shape.size() > limits::npy_dimensions_max)
        wrong(fmt::format("at most {} dimensions", limits::npy_dimensions_max));
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }

  std::uint64_t dimension() {
    skip_space();
    std::uint64_t value = 0;
    const auto* from = text_.data() + at_;
    const auto parsed = std::from_chars(from, text_.data() + text_.size(), value);
    if (parsed.ec != std::errc{}) wrong("a dimension of 0 to 2^64 - 1");
    at_ += static_cast<std::size_t>(parsed.ptr - from);
    return value;
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  NpyHeader header_;
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

/// REQUIRES: the size of the stream is known.
std::uint64_t remaining(const ByteStream& stream) {
  return stream.size_bytes().value() - stream.position();
}

std::uint64_t read_header_length(ByteStream& stream, std::string_view name) {
  std::array<std::byte, 8> front{};
  const std::size_t got = stream.read(front);
  if (got < front.size() || std::memcmp(front.data(), magic.data(), magic.size()) != 0) {
    refuse(name, "is no npy array; expected it to begin with \\x93NUMPY and a version");
  }
  const auto major = std::to_integer<unsigned>(front[6]);
  const auto minor = std::to_integer<unsigned>(front[7]);
  if (major < 1 || major > 3 || minor != 0) {
    refuse(name, fmt::format("has npy version {}.{}, expected 1.0, 2.0 or 3.0", major, minor));
  }
  std::array<std::byte, 4> length{};
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (stream.read(std::span(length).first(length_bytes)) < length_bytes)
    refuse(name, "ends within the npy header's length");
  std::uint64_t value = 0;
  for (std::size_t i = length_bytes; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(length[i]);
  return value;
}

}  // namespace

std::uint64_t NpyHeader::items() const noexcept {
  std::uint64_t product = 1;
  for (const std::uint64_t extent : shape) product *= extent;
  return product;
}

NpyHeader read_npy_header(ByteStream& stream, std::string_view name) {
  const std::uint64_t length = read_header_length(stream, name);
  if (length > limits::header_json_bytes_max || length > remaining(stream)) {
    refuse(name, fmt::format("gives its npy header {} bytes, but {} follow; expected at most {}", length,
                             remaining(stream), limits::header_json_bytes_max));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  if (stream.read(std::as_writable_bytes(std::span(text))) < text.size())
    refuse(name, "ends within the npy header");
  NpyHeader header = HeaderDictionary(text, name).read();
  std::uint64_t data_bytes = header.item_bytes;
  for (const std::uint64_t extent : header.shape)
    data_bytes = checked_mul(data_bytes, extent, fmt::format("{}: shape", name));
  if (data_bytes != remaining(stream)) {
    refuse(name, fmt::format(
                     "its shape and dtype need {} bytes of data, but {} follow the header; expected as many",
                     data_bytes, remaining(stream)));
  }
  return header;
}

std::string npy_header_text(std::string_view descr, const std::vector<std::uint64_t>& shape) {
  std::string extents;
  for (const std::uint64_t extent : shape) extents += fmt::format("{}, ", extent);
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, extents);
  constexpr std::size_t front_bytes = 10;
  constexpr std::size_t alignment = 64;
  const std::size_t unpadded = front_bytes + dictionary.size() + 1;
  dictionary.append((alignment - unpadded % alignment) % alignment, ' ').push_back('\n');
  std::string text(magic);
  text +=
      {'\1', '\0', static_cast<char>(dictionary.size() & 0xFFU), static_cast<char>(dictionary.size() >> 8)};
  return text + dictionary;
}

}  // namespace prophet
