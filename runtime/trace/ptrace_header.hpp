#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/frames.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// How a file of Prophet's own stores router weights; the values stand in the file.
enum class WeightFormat : std::uint32_t { none = 0, bf16 = 1, fp32 = 2 };

[[nodiscard]] constexpr std::uint32_t weight_bytes(WeightFormat format) noexcept {
  return format == WeightFormat::none ? 0 : format == WeightFormat::bf16 ? 2 : 4;
}

/// What a .ptrace file says before its data. docs/trace-format.md has the layout.
struct PtraceHeader {
  TraceShape shape;
  TraceProvenance provenance;
  std::string hidden_states_file;  ///< name, in the same folder, of the hidden-state sidecar; may be empty
  WeightFormat weights = WeightFormat::none;
  std::uint32_t block_tokens = 0;  ///< tokens in each data frame but the last
  std::uint64_t tokens = 0;
  std::uint32_t sequences = 0;
  std::uint64_t data_stored_bytes = 0;   ///< of all data frames
  std::uint64_t table_stored_bytes = 0;  ///< of all sequence-table frames

  /// Bytes of one token in a data frame: its ids [layers, top_k], then its weights [layers, top_k].
  [[nodiscard]] std::uint64_t token_bytes() const noexcept;
};

inline constexpr std::array<char, 8> ptrace_magic = {'P', 'T', 'R', 'A', 'C', 'E', '\r', '\n'};
inline constexpr std::uint32_t ptrace_version = 1;
inline constexpr std::uint64_t ptrace_fixed_bytes = 96;
/// Where in the fixed part the header's own checksum stands; it covers all before it and the text after.
inline constexpr std::uint64_t ptrace_crc_offset = 88;
inline constexpr std::uint64_t sequence_record_bytes = 20;
inline constexpr std::uint64_t sequences_per_frame = 32768;

/// A checked header and where the frames after it stand.
struct PtraceLayout {
  PtraceHeader header;
  FrameRun data;
  FrameRun table;
};

/// The header's bytes, fixed part and text. Its length depends only on provenance and sidecar name. Throws
/// Error{bad_input} when a text is not UTF-8 or too long.
[[nodiscard]] std::vector<std::byte> encode_ptrace_header(const PtraceHeader& header);

/// Reads and checks a header; every count is held against limits.hpp and the file's size. Throws
/// Error{bad_input}.
[[nodiscard]] PtraceLayout read_ptrace_header(const ByteSource& source);

/// A sidecar is named, never pathed: not empty, no '/', not "." or "..".
void check_sidecar_name(const std::string& name);

}  // namespace prophet
