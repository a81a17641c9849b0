#include "runtime/trace/byte_stream.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"

namespace prophet {
namespace {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(const ByteSource& source) : source_(source) {}
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return source_.size_bytes(); }
  [[nodiscard]] const std::string& where() const override { return source_.where(); }
  [[nodiscard]] const std::string& source_name() const override { return source_.where(); }

 private:
  std::size_t do_read(std::span<std::byte> out) override {
    const auto left = source_.size_bytes() - position();
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left, out.size()));
    source_.read_at(position(), out.first(take));
    return take;
  }

  const ByteSource& source_;
};

}  // namespace

std::size_t ByteStream::read(std::span<std::byte> out) {
  const auto got = do_read(out);
  position_ += got;
  return got;
}

void ByteStream::read_exactly(std::span<std::byte> out) {
  const auto start = position_;
  if (read(out) == out.size()) return;
  throw Error(ErrorCode::bad_input, fmt::format("{}: ends at byte {}: expected {} bytes at offset {}",
                                                where(), position_, out.size(), start));
}

void ByteStream::expect_end() {
  std::byte extra{};
  const auto end = position_;
  if (read(std::span(&extra, 1)) == 0) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("{}: goes on after byte {}: expected the end, as its header says", where(), end));
}

std::unique_ptr<ByteStream> make_plain_stream(const ByteSource& source) {
  return std::make_unique<PlainStream>(source);
}

}  // namespace prophet
