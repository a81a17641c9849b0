#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/check_trace.hpp"
#include "runtime/trace/frames.hpp"
#include "runtime/trace/ptrace_header.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Some consecutive tokens of a trace; views into the reader, valid until its next call.
struct TraceBlock {
  std::uint64_t first_token = 0;
  std::uint32_t tokens = 0;
  std::span<const std::byte> ids;  ///< [tokens, layers, top_k], 1 or 2 bytes each as the header says
  std::span<const float> weights;  ///< [tokens, layers, top_k], or empty
};

/// The data frames of a .ptrace file, one after the other, checked. Holds one frame. Not thread-safe.
class BlockReader {
 public:
  /// `source` must outlive the reader.
  BlockReader(const ByteSource& source, const PtraceLayout& layout);

  /// Reads the next block; false at the end. Throws Error{bad_input}; the reader must not be used after that.
  bool next(TraceBlock& block);

 private:
  const ByteSource* source_;
  TraceShape shape_;
  WeightFormat format_;
  FrameReader frames_;
  std::uint64_t token_bytes_;
  std::uint64_t next_token_ = 0;
  std::vector<float> weights_;
};

/// The sequence table of a .ptrace file, one record after the other, checked. Holds one frame. Not
/// thread-safe.
class SequenceReader {
 public:
  /// `source` must outlive the reader.
  SequenceReader(const ByteSource& source, const PtraceLayout& layout);

  /// Reads the next sequence; false at the end. Throws Error{bad_input}; the reader must not be used after
  /// that.
  bool next(SequenceInfo& sequence);

 private:
  const ByteSource* source_;
  FrameReader frames_;
  SequenceCheck check_;
  std::span<const std::byte> piece_;
};

/// One sequence and the rows that belong to it.
struct SequenceRows {
  SequenceInfo info;
  std::vector<std::byte> ids;  ///< [info.tokens, layers, top_k], 1 or 2 bytes each
  std::vector<float> weights;  ///< [info.tokens, layers, top_k], or empty
};

/// Reads a .ptrace file front to back in bounded memory: a few frames (4 MiB at most each), plus the longest
/// sequence when read by sequences. Reading by blocks and reading by sequences are independent of each other.
/// Everything that is given out has been checked as RoutingTrace does. Not thread-safe.
class TraceReader {
 public:
  /// Opens and checks the header. Throws Error{bad_input} naming the file, the field, its value and what was
  /// expected.
  explicit TraceReader(const std::filesystem::path& path);
  /// Reads from `bytes`, which must outlive the reader; `where` stands for the file in sentences.
  TraceReader(std::span<const std::byte> bytes, std::string where);

  [[nodiscard]] const PtraceHeader& header() const noexcept { return layout_.header; }

  /// The next tokens in file order; false at the end.
  bool next_block(TraceBlock& block) { return blocks_.next(block); }

  /// The next sequence with its rows, whose storage is used again; false at the end. Rows outside of every
  /// sequence are skipped.
  bool next_sequence(SequenceRows& rows);

  /// The whole file as a trace in memory: at most the in-memory size of the trace times 9/8, plus a few
  /// frames. Uses readers of its own: it may be called at any time.
  [[nodiscard]] RoutingTrace read_all() const;

 private:
  explicit TraceReader(std::unique_ptr<ByteSource> source);
  void append_rows(SequenceRows& rows, std::uint64_t from, std::uint64_t to) const;

  std::unique_ptr<ByteSource> source_;
  PtraceLayout layout_;
  BlockReader blocks_;
  SequenceReader sequences_;
  BlockReader sequence_blocks_;
  TraceBlock sequence_block_;
};

}  // namespace prophet
