#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "runtime/trace/byte_source.hpp"

namespace prophet {

/// Bytes that are read once, in order: a source as it is, or unpacked on the way. Not thread-safe.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  /// Reads up to out.size() bytes; fewer only at the end of the stream. Throws Error{bad_input}.
  std::size_t read(std::span<std::byte> out);
  /// Fills `out`, or throws Error{bad_input} that says where the stream ended.
  void read_exactly(std::span<std::byte> out);
  /// Throws Error{bad_input} unless the stream is at its end.
  void expect_end();

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// All bytes of the stream where that is known without reading it.
  [[nodiscard]] virtual std::optional<std::uint64_t> size_bytes() const = 0;
  /// What error sentences call it.
  [[nodiscard]] virtual const std::string& where() const = 0;
  /// The name of the source under the stream.
  [[nodiscard]] virtual const std::string& source_name() const = 0;

 protected:
  ByteStream() = default;

 private:
  virtual std::size_t do_read(std::span<std::byte> out) = 0;

  std::uint64_t position_ = 0;
};

/// The bytes of `source`, which must outlive the stream.
[[nodiscard]] std::unique_ptr<ByteStream> make_plain_stream(const ByteSource& source);

/// The unpacked bytes of `source`, an .xz file of one or more streams; `source` must outlive the stream.
[[nodiscard]] std::unique_ptr<ByteStream> make_xz_stream(const ByteSource& source);

}  // namespace prophet
