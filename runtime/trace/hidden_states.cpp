#include "runtime/trace/hidden_states.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet {
namespace {

constexpr std::array<char, 8> magic = {'P', 'H', 'I', 'D', 'D', 'E', 'N', '\n'};
constexpr std::uint32_t version = 1;
constexpr std::uint64_t header_bytes = 56;
constexpr std::uint64_t crc_offset = 48;
constexpr std::uint64_t usual_block_bytes = 1U << 20;
constexpr int zstd_level = 1;  // hidden states hardly compress; a higher level only costs time

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

void check_between(std::string_view name, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value < low || value > high) refuse(fmt::format("{} is {}: expected {} to {}", name, value, low, high));
}

void check_hidden_shape(const HiddenStatesShape& shape) {
  check_between("number of layers", shape.layers, 1, limits::layers_max);
  check_between("values of a hidden state", shape.hidden, 1, limits::hidden_values_max);
  check_between("dtype", static_cast<std::uint32_t>(shape.dtype), 1, 3);
  check_between("bytes of one token's hidden states", shape.token_bytes(), 1, limits::hidden_token_bytes_max);
}

/// A frame holds whole tokens, at least one.
std::uint64_t block_tokens_most(const HiddenStatesShape& shape) {
  return std::max<std::uint64_t>(1, limits::trace_block_bytes_max / shape.token_bytes());
}

std::uint32_t usual_block_tokens(const HiddenStatesShape& shape) {
  check_hidden_shape(shape);
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, usual_block_bytes / shape.token_bytes()));
}

float fp16_to_float(std::uint16_t bits) {
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = (bits >> 10) & 0x1f;
  const auto fraction = static_cast<float>(bits & 0x3ffU);
  if (exponent == 0x1f) return fraction == 0 ? sign * HUGE_VALF : std::nanf("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 1024.0F, exponent - 25);
}

}  // namespace

std::uint64_t HiddenStatesShape::token_bytes() const noexcept {
  return std::uint64_t{layers} * hidden * hidden_value_bytes(dtype);
}

HiddenStatesWriter::HiddenStatesWriter(const std::filesystem::path& path, const HiddenStatesShape& shape)
    : shape_(shape),
      block_tokens_(in_file(path.string(), [&] { return usual_block_tokens(shape); })),
      file_(path),
      frames_(file_, zstd_level) {
  file_.write(header());
}

std::vector<std::byte> HiddenStatesWriter::header() const {
  std::vector<std::byte> bytes;
  for (const char letter : magic) bytes.push_back(static_cast<std::byte>(letter));
  put_le(bytes, version);
  put_le(bytes, shape_.layers);
  put_le(bytes, shape_.hidden);
  put_le(bytes, static_cast<std::uint32_t>(shape_.dtype));
  put_le(bytes, block_tokens_);
  put_le(bytes, 0U);
  put_le(bytes, tokens_);
  put_le(bytes, frames_.stored_bytes());
  put_le(bytes, crc64(bytes));
  return bytes;
}

void HiddenStatesWriter::append(std::span<const std::byte> values) {
  in_file(file_.path().string(), [&] {
    if (closed_) refuse("the file is finished or failed: expected no more tokens");
    const auto row_bytes = shape_.token_bytes();
    if (values.size() % row_bytes != 0) {
      refuse(fmt::format("hidden states take {} bytes: expected a multiple of {}", values.size(), row_bytes));
    }
    const auto tokens_max = std::min(limits::trace_tokens_max, ~std::uint64_t{0} / row_bytes);
    check_between("number of tokens", tokens_ + values.size() / row_bytes, 0, tokens_max);
    closed_ = true;  // until all of it is written
    tokens_ += values.size() / row_bytes;
    const auto block_bytes = static_cast<std::size_t>(block_tokens_ * row_bytes);
    while (!values.empty()) {
      const auto take = std::min(values.size(), block_bytes - block_.size());
      block_.insert(block_.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(take));
      values = values.subspan(take);
      if (block_.size() < block_bytes) break;
      frames_.write(block_);
      block_.clear();
    }
    closed_ = false;
  });
}

void HiddenStatesWriter::finish() {
  in_file(file_.path().string(), [&] {
    if (closed_) refuse("the file is finished or failed: expected one call of finish");
    if (tokens_ == 0) refuse("number of tokens is 0: expected at least 1");
    closed_ = true;
    if (!block_.empty()) frames_.write(block_);
    file_.write_at(0, header());
    file_.commit();
  });
}

HiddenStatesReader::HiddenStatesReader(const std::filesystem::path& path)
    : HiddenStatesReader(open_file_source(path)) {}

HiddenStatesReader::HiddenStatesReader(std::span<const std::byte> bytes, std::string where)
    : HiddenStatesReader(make_memory_source(bytes, std::move(where))) {}

HiddenStatesReader::HiddenStatesReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)),
      layout_(in_file(source_->where(), [&] { return read_layout(*source_); })),
      frames_(*source_, layout_.run) {}

HiddenStatesReader::Layout HiddenStatesReader::read_layout(const ByteSource& source) {
  std::array<std::byte, header_bytes> bytes{};
  const auto have = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), source.size_bytes()));
  source.read_at(0, std::span(bytes).first(have));
  if (have < magic.size() || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) {
    refuse("does not begin with \"PHIDDEN\\n\": expected a hidden-state sidecar");
  }
  if (have < bytes.size())
    refuse(fmt::format("ends at byte {}: expected a header of {} bytes", have, bytes.size()));
  check_between("format version", get_le<std::uint32_t>(bytes, 8), version, version);
  const auto crc = crc64(std::span(bytes).first(crc_offset));
  const auto claimed = get_le<std::uint64_t>(bytes, crc_offset);
  if (crc != claimed)
    refuse(fmt::format("header checksum is {:016x}: expected {:016x} as stored", crc, claimed));

  check_between("dtype", get_le<std::uint32_t>(bytes, 20), 1, 3);
  Layout layout;
  layout.shape = {get_le<std::uint32_t>(bytes, 12), get_le<std::uint32_t>(bytes, 16),
                  HiddenDtype{get_le<std::uint32_t>(bytes, 20)}};
  check_hidden_shape(layout.shape);
  const std::uint64_t block_tokens = get_le<std::uint32_t>(bytes, 24);
  check_between("tokens of a frame", block_tokens, 1, block_tokens_most(layout.shape));
  check_between("reserved field at byte 28", get_le<std::uint32_t>(bytes, 28), 0, 0);
  layout.tokens = get_le<std::uint64_t>(bytes, 32);
  check_between("number of tokens", layout.tokens, 1, limits::trace_tokens_max);
  const auto stored = get_le<std::uint64_t>(bytes, 40);
  if (stored != source.size_bytes() - header_bytes) {
    refuse(fmt::format("frames take {} bytes: expected {}, the rest of the file", stored,
                       source.size_bytes() - header_bytes));
  }
  const auto token_bytes = layout.shape.token_bytes();
  layout.run = {header_bytes, stored, checked_mul(layout.tokens, token_bytes, "bytes of all hidden states"),
                block_tokens * token_bytes};
  return layout;
}

bool HiddenStatesReader::next_block(HiddenBlock& block) {
  const auto piece = frames_.next();
  if (piece.empty()) return false;
  const auto tokens = piece.size() / shape().token_bytes();
  block = {next_token_, static_cast<std::uint32_t>(tokens), piece};
  next_token_ += tokens;
  return true;
}

HiddenStatesReader open_hidden_states(const std::filesystem::path& trace_path, const PtraceHeader& header) {
  return in_file(trace_path.string(), [&] {
    if (header.hidden_states_file.empty())
      refuse("names no hidden-state file: expected a trace recorded with one");
    const auto path = std::filesystem::path(trace_path).replace_filename(header.hidden_states_file);
    HiddenStatesReader reader(path);
    if (reader.tokens() != header.tokens || reader.shape().layers != header.shape.grid.layers) {
      refuse(fmt::format(
          "its hidden-state file {} has {} tokens and {} layers: expected {} and {} as the trace has",
          path.string(), reader.tokens(), reader.shape().layers, header.tokens, header.shape.grid.layers));
    }
    return reader;
  });
}

void decode_hidden(HiddenDtype dtype, std::span<const std::byte> values, std::span<float> out) {
  for (std::size_t at = 0; at < out.size(); ++at) {
    switch (dtype) {
      case HiddenDtype::bf16:
        out[at] = bf16_to_float(get_le<std::uint16_t>(values, 2 * at));
        break;
      case HiddenDtype::fp16:
        out[at] = fp16_to_float(get_le<std::uint16_t>(values, 2 * at));
        break;
      case HiddenDtype::fp32:
        out[at] = get_le<float>(values, 4 * at);
        break;
    }
  }
}

}  // namespace prophet
