#include <fmt/format.h>
#include <lzma.h>

#include <algorithm>
#include <array>
#include <new>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/trace/byte_stream.hpp"

namespace prophet {
namespace {

class XzStream final : public ByteStream {
 public:
  explicit XzStream(const ByteSource& source) : source_(source), where_(source.where() + " (unpacked)") {
    if (lzma_stream_decoder(&decoder_, limits::xz_decoder_bytes_max, LZMA_CONCATENATED) != LZMA_OK)
      throw std::bad_alloc();
  }
  ~XzStream() override { lzma_end(&decoder_); }

  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return std::nullopt; }
  [[nodiscard]] const std::string& where() const override { return where_; }
  [[nodiscard]] const std::string& source_name() const override { return source_.where(); }

 private:
  std::size_t do_read(std::span<std::byte> out) override {
    decoder_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    decoder_.avail_out = out.size();
    while (decoder_.avail_out > 0 && !ended_) decode_some();
    return out.size() - decoder_.avail_out;
  }

  void decode_some() {
    if (decoder_.avail_in == 0) refill();
    const bool last = next_ == source_.size_bytes();
    const auto status = lzma_code(&decoder_, last ? LZMA_FINISH : LZMA_RUN);
    ended_ = status == LZMA_STREAM_END;
    if (status != LZMA_OK && !ended_) refuse(status);
  }

  void refill() {
    const auto take = std::min<std::uint64_t>(packed_.size(), source_.size_bytes() - next_);
    source_.read_at(next_, std::span(packed_).first(static_cast<std::size_t>(take)));
    next_ += take;
    decoder_.next_in = reinterpret_cast<const std::uint8_t*>(packed_.data());
    decoder_.avail_in = static_cast<std::size_t>(take);
  }

  [[noreturn]] void refuse(lzma_ret status) const {
    const auto at = next_ - decoder_.avail_in;
    if (status == LZMA_MEM_ERROR) throw std::bad_alloc();
    if (status == LZMA_MEMLIMIT_ERROR) {
      throw Error(
          ErrorCode::bad_input,
          fmt::format("{}: the .xz decoder needs {} bytes: expected at most {}; pack it with a smaller "
                      "dictionary",
                      source_.where(), lzma_memusage(&decoder_), limits::xz_decoder_bytes_max));
    }
    if (status == LZMA_BUF_ERROR) {
      throw Error(
          ErrorCode::bad_input,
          fmt::format("{}: the .xz data ends at byte {}: expected the end of a stream", source_.where(), at));
    }
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: the .xz data is corrupt before byte {} (liblzma status {}): "
                            "expected an intact .xz file",
                            source_.where(), at, static_cast<int>(status)));
  }

  const ByteSource& source_;
  std::string where_;
  lzma_stream decoder_ = LZMA_STREAM_INIT;
  std::array<std::byte, 64 * 1024> packed_{};
  std::uint64_t next_ = 0;  ///< offset of the first packed byte not yet given to the decoder's buffer
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> make_xz_stream(const ByteSource& source) {
  return std::make_unique<XzStream>(source);
}

}  // namespace prophet
