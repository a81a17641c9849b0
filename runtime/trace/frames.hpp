#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/byte_source.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace prophet {

/// Frames are how Prophet's own files hold bulk data: `raw` bytes cut into equal pieces (the last may be
/// shorter), each stored as
///   u32 stored_bytes
///   u64 crc64          CRC-64/XZ over u64 index of the frame, u32 stored_bytes, the payload
///   u8  payload[stored_bytes]   one zstd frame that unpacks to the piece
/// so that a changed, missing, repeated or moved byte anywhere in the run of frames is noticed.
inline constexpr std::uint64_t frame_header_bytes = 12;

/// What a frame's checksum is computed over; public so that a file can be sealed again after a deliberate
/// change.
[[nodiscard]] std::uint64_t frame_crc64(std::uint64_t index, std::span<const std::byte> payload);

/// CRC-64/XZ (ECMA-182, reflected), continued from `before`.
[[nodiscard]] std::uint64_t crc64(std::span<const std::byte> bytes, std::uint64_t before = 0);

/// Compresses pieces and appends them to a file. Not thread-safe; holds one compressed piece.
class FrameWriter {
 public:
  /// `file` must outlive the writer.
  FrameWriter(AtomicFile& file, int zstd_level);
  ~FrameWriter();
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  void write(std::span<const std::byte> piece);
  /// Bytes that all frames written so far take in the file.
  [[nodiscard]] std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }

 private:
  AtomicFile& file_;
  std::unique_ptr<ZSTD_CCtx_s, std::size_t (*)(ZSTD_CCtx_s*)> context_;
  std::vector<std::byte> frame_;
  std::uint64_t index_ = 0;
  std::uint64_t stored_bytes_ = 0;
  int zstd_level_;
};

/// Where a run of frames stands and what it unpacks to; taken from a checked header.
struct FrameRun {
  std::uint64_t offset = 0;        ///< of the first frame in the file
  std::uint64_t stored_bytes = 0;  ///< of all frames
  std::uint64_t raw_bytes = 0;     ///< of all pieces
  std::uint64_t piece_bytes = 0;   ///< of each piece but the last; not 0
};

/// Reads a run of frames in order, holding one piece and its compressed form. Not thread-safe.
class FrameReader {
 public:
  /// `source` must outlive the reader. Throws Error{bad_input} when the run cannot hold the frames that its
  /// raw bytes need; nothing is allocated before the first `next`.
  FrameReader(const ByteSource& source, FrameRun run);
  ~FrameReader();
  FrameReader(FrameReader&&) noexcept;
  FrameReader& operator=(FrameReader&&) = delete;

  /// The next piece, valid until the next call or move; empty at the end. Throws Error{bad_input} that names
  /// the offset of the frame which is damaged; the reader then stays where it was.
  [[nodiscard]] std::span<const std::byte> next();

 private:
  const ByteSource* source_;
  FrameRun run_;
  std::unique_ptr<ZSTD_DCtx_s, std::size_t (*)(ZSTD_DCtx_s*)> context_;
  std::vector<std::byte> stored_;
  std::vector<std::byte> piece_;
  std::uint64_t index_ = 0;
  std::uint64_t used_stored_bytes_ = 0;
  std::uint64_t given_raw_bytes_ = 0;
};

}  // namespace prophet
