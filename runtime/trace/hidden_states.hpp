#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/frames.hpp"
#include "runtime/trace/ptrace_header.hpp"

namespace prophet {

/// How a sidecar stores its values; the numbers stand in the file.
enum class HiddenDtype : std::uint32_t { bf16 = 1, fp16 = 2, fp32 = 3 };

[[nodiscard]] constexpr std::uint32_t hidden_value_bytes(HiddenDtype dtype) noexcept {
  return dtype == HiddenDtype::fp32 ? 4 : 2;
}

/// What a hidden-state sidecar holds: the router's input [tokens, layers, hidden], one row a token of the
/// trace.
struct HiddenStatesShape {
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;  ///< values of one hidden state
  HiddenDtype dtype = HiddenDtype::bf16;
  friend bool operator==(const HiddenStatesShape&, const HiddenStatesShape&) = default;

  /// Bytes of one token, [layers, hidden].
  [[nodiscard]] std::uint64_t token_bytes() const noexcept;
};

/// Some consecutive tokens of a sidecar; a view into the reader, valid until its next call.
struct HiddenBlock {
  std::uint64_t first_token = 0;
  std::uint32_t tokens = 0;
  std::span<const std::byte> values;  ///< [tokens, layers, hidden] in the file's dtype
};

/// Writes a sidecar as a stream, holding one frame; it appears at its path when `finish` succeeds. Not
/// thread-safe.
class HiddenStatesWriter {
 public:
  /// Throws Error{bad_input} when the shape is out of bounds or the file cannot be created.
  HiddenStatesWriter(const std::filesystem::path& path, const HiddenStatesShape& shape);

  /// Appends values [n, layers, hidden] in the shape's dtype. Throws Error{bad_input}.
  void append(std::span<const std::byte> values);
  /// Throws Error{bad_input} when nothing was appended or the disk refuses. Nothing may be called after it.
  void finish();

 private:
  [[nodiscard]] std::vector<std::byte> header() const;

  HiddenStatesShape shape_;
  std::uint32_t block_tokens_;
  AtomicFile file_;
  FrameWriter frames_;
  std::vector<std::byte> block_;
  std::uint64_t tokens_ = 0;
  bool closed_ = false;
};

/// Reads a sidecar front to back, holding one frame. Every byte of the file is under a checksum. Not
/// thread-safe.
class HiddenStatesReader {
 public:
  /// Throws Error{bad_input} naming the file, the field, its value and what was expected.
  explicit HiddenStatesReader(const std::filesystem::path& path);
  /// Reads from `bytes`, which must outlive the reader; `where` stands for the file in sentences.
  HiddenStatesReader(std::span<const std::byte> bytes, std::string where);

  [[nodiscard]] const HiddenStatesShape& shape() const noexcept { return layout_.shape; }
  [[nodiscard]] std::uint64_t tokens() const noexcept { return layout_.tokens; }

  /// The next tokens in file order; false at the end. Throws Error{bad_input}.
  bool next_block(HiddenBlock& block);

 private:
  struct Layout {
    HiddenStatesShape shape;
    std::uint64_t tokens = 0;
    FrameRun run;
  };
  explicit HiddenStatesReader(std::unique_ptr<ByteSource> source);
  static Layout read_layout(const ByteSource& source);

  std::unique_ptr<ByteSource> source_;
  Layout layout_;
  FrameReader frames_;
  std::uint64_t next_token_ = 0;
};

/// Opens the sidecar that the trace at `trace_path` names. Throws Error{bad_input} when it names none, or its
/// tokens or layers are not the trace's.
[[nodiscard]] HiddenStatesReader open_hidden_states(const std::filesystem::path& trace_path,
                                                    const PtraceHeader& header);

/// Stored values as floats, exactly. REQUIRES: out.size() * hidden_value_bytes(dtype) == values.size().
void decode_hidden(HiddenDtype dtype, std::span<const std::byte> values, std::span<float> out);

}  // namespace prophet
