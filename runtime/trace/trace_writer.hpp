#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/check_trace.hpp"
#include "runtime/trace/frames.hpp"
#include "runtime/trace/ptrace_header.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

struct TraceWriterOptions {
  WeightFormat weights = WeightFormat::none;  ///< bf16 rounds to nearest, ties to even
  std::string hidden_states_file;             ///< name of a sidecar in the same folder, or empty
  std::uint32_t block_tokens = 0;             ///< tokens of a data frame; 0 takes about 1 MiB's worth
  int zstd_level = 3;
};

/// Writes a .ptrace file as a stream. Holds one data frame and 20 bytes a sequence. The file appears at its
/// path when `finish` succeeds, whole; destroyed before, nothing is left behind. Not thread-safe.
class TraceWriter {
 public:
  /// Throws Error{bad_input} when the shape or an option is out of bounds or the file cannot be created.
  TraceWriter(const std::filesystem::path& path, const TraceShape& shape, TraceProvenance provenance,
              TraceWriterOptions options = {});

  /// Appends tokens: ids [n, layers, top_k] as RoutingTrace stores them and, when the options name a weight
  /// format, as many weights. Throws Error{bad_input} and appends nothing when they are refused.
  void append(std::span<const std::byte> ids, std::span<const float> weights = {});

  /// Declares the next sequence; its tokens may be appended before or after. Throws Error{bad_input}, and
  /// declares nothing, unless it starts at or after the end of the one before.
  void add_sequence(const SequenceInfo& sequence);

  /// Completes the file and gives it its name. Throws Error{bad_input} when there are no tokens or no
  /// sequences, a sequence reaches beyond the tokens, or the disk refuses. Nothing may be called after it.
  void finish();

  /// Tokens appended so far.
  [[nodiscard]] std::uint64_t tokens() const noexcept { return header_.tokens; }

 private:
  [[nodiscard]] std::uint64_t checked_rows(std::span<const std::byte> ids,
                                           std::span<const float> weights) const;
  void buffer_weights(std::span<const float> weights);
  void flush_block();
  void write_table();

  PtraceHeader header_;
  AtomicFile file_;
  FrameWriter data_;
  SequenceCheck check_;
  std::vector<std::byte> table_;
  std::vector<std::byte> block_ids_;
  std::vector<std::byte> block_weights_;
  int zstd_level_;
  std::uint64_t sequences_end_ = 0;
  bool closed_ = false;  ///< finished, or a failed write has left the file in pieces
};

/// Writes a whole trace. Weights are stored as bf16 when that loses nothing, else as fp32.
/// `hidden_states_file` as in TraceWriterOptions.
void write_trace(const std::filesystem::path& path, const RoutingTrace& trace,
                 const std::string& hidden_states_file = {});

}  // namespace prophet
