#include "runtime/trace/frames.hpp"

#include <fmt/format.h>
#include <lzma.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet {
namespace {

[[noreturn]] void refuse(const ByteSource& source, std::uint64_t offset, const std::string& what) {
  throw Error(ErrorCode::bad_input, fmt::format("{}: frame at byte {}: {}", source.where(), offset, what));
}

template <class Context>
Context* made(Context* context) {
  if (context == nullptr) throw std::bad_alloc();
  return context;
}

}  // namespace

std::uint64_t crc64(std::span<const std::byte> bytes, std::uint64_t before) {
  return lzma_crc64(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), before);
}

std::uint64_t frame_crc64(std::uint64_t index, std::span<const std::byte> payload) {
  const auto stored_bytes = static_cast<std::uint32_t>(payload.size());
  auto crc = crc64(std::as_bytes(std::span(&index, 1)));
  crc = crc64(std::as_bytes(std::span(&stored_bytes, 1)), crc);
  return crc64(payload, crc);
}

FrameWriter::FrameWriter(AtomicFile& file, int zstd_level)
    : file_(file), context_(made(ZSTD_createCCtx()), ZSTD_freeCCtx), zstd_level_(zstd_level) {}

FrameWriter::~FrameWriter() = default;

void FrameWriter::write(std::span<const std::byte> piece) {
  frame_.resize(frame_header_bytes + ZSTD_compressBound(piece.size()));
  const auto room = std::span(frame_).subspan(frame_header_bytes);
  const auto stored =
      ZSTD_compressCCtx(context_.get(), room.data(), room.size(), piece.data(), piece.size(), zstd_level_);
  if (ZSTD_isError(stored) != 0) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("{}: zstd cannot pack {} bytes: {}", file_.path().string(), piece.size(),
                            ZSTD_getErrorName(stored)));
  }
  const auto stored_bytes = static_cast<std::uint32_t>(stored);
  const auto crc = frame_crc64(index_, room.first(stored));
  std::memcpy(frame_.data(), &stored_bytes, sizeof stored_bytes);
  std::memcpy(frame_.data() + sizeof stored_bytes, &crc, sizeof crc);
  file_.write(std::span(frame_).first(frame_header_bytes + stored));
  ++index_;
  stored_bytes_ += frame_header_bytes + stored;
}

FrameReader::FrameReader(const ByteSource& source, FrameRun run)
    : source_(&source), run_(run), context_(nullptr, ZSTD_freeDCtx) {
  const auto frames = ceil_div(run.raw_bytes, run.piece_bytes);
  if (run.stored_bytes / frame_header_bytes < frames) {
    refuse(source, run.offset,
           fmt::format("the frames take {} bytes: expected at least {} for {} frames", run.stored_bytes,
                       frames * frame_header_bytes, frames));
  }
}

FrameReader::~FrameReader() = default;
FrameReader::FrameReader(FrameReader&&) noexcept = default;

std::span<const std::byte> FrameReader::next() {
  const auto offset = run_.offset + used_stored_bytes_;
  const auto left = run_.stored_bytes - used_stored_bytes_;
  const auto raw = std::min(run_.piece_bytes, run_.raw_bytes - given_raw_bytes_);
  if (raw == 0) {
    if (left != 0)
      refuse(*source_, offset, fmt::format("{} bytes follow the last frame: expected none", left));
    return {};
  }
  if (left < frame_header_bytes) {
    refuse(*source_, offset,
           fmt::format("{} bytes are left: expected a frame header of {}", left, frame_header_bytes));
  }
  std::array<std::byte, frame_header_bytes> header{};
  source_->read_at(offset, header);
  const auto stored = get_le<std::uint32_t>(header, 0);
  const auto most = std::min<std::uint64_t>(left - frame_header_bytes, ZSTD_compressBound(raw));
  if (stored > most)
    refuse(*source_, offset, fmt::format("stored bytes are {}: expected at most {}", stored, most));

  stored_.resize(stored);
  source_->read_at(offset + frame_header_bytes, stored_);
  const auto crc = frame_crc64(index_, stored_);
  const auto claimed_crc = get_le<std::uint64_t>(header, 4);
  if (crc != claimed_crc) {
    refuse(*source_, offset,
           fmt::format("checksum is {:016x}: expected {:016x} as stored", crc, claimed_crc));
  }
  if (context_ == nullptr) context_.reset(made(ZSTD_createDCtx()));
  piece_.resize(static_cast<std::size_t>(raw));
  const auto got =
      ZSTD_decompressDCtx(context_.get(), piece_.data(), piece_.size(), stored_.data(), stored_.size());
  if (ZSTD_isError(got) != 0) {
    refuse(*source_, offset,
           fmt::format("zstd data is damaged ({}): expected {} bytes", ZSTD_getErrorName(got), raw));
  }
  if (got != raw) refuse(*source_, offset, fmt::format("unpacks to {} bytes: expected {}", got, raw));
  ++index_;
  used_stored_bytes_ += frame_header_bytes + stored;
  given_raw_bytes_ += raw;
  return piece_;
}

}  // namespace prophet
