#include "runtime/trace/ptrace_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/trace/check_trace.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t flag_synthetic = 1;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

void expect_u32(std::string_view name, std::uint32_t value, std::uint32_t expected) {
  if (value != expected) refuse(fmt::format("{} is {}: expected {}", name, value, expected));
}

std::string header_text(const PtraceHeader& header) {
  nlohmann::json text = {{"model", header.provenance.model},
                         {"source", header.provenance.source},
                         {"licence", header.provenance.licence},
                         {"note", header.provenance.note}};
  if (!header.hidden_states_file.empty()) text["hidden_states_file"] = header.hidden_states_file;
  std::string dumped;
  try {
    dumped = text.dump();
  } catch (const nlohmann::json::type_error&) {
    refuse("model, source, licence or note of the trace is not UTF-8: expected UTF-8 text");
  }
  if (dumped.size() > limits::header_json_bytes_max) {
    refuse(fmt::format("header text is {} bytes: expected at most {}", dumped.size(),
                       limits::header_json_bytes_max));
  }
  return dumped;
}

std::string text_field(const nlohmann::json& text, const char* name) {
  const auto found = text.find(name);
  if (found == text.end()) return {};
  if (!found->is_string())
    refuse(fmt::format("header field \"{}\" is {}: expected text", name, found->type_name()));
  return found->get<std::string>();
}

void parse_header_text(std::span<const std::byte> bytes, PtraceHeader& header) {
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  const auto text = nlohmann::json::parse(begin, begin + bytes.size(), nullptr, false);
  if (!text.is_object())
    refuse(fmt::format("header text of {} bytes is not a JSON object: expected one", bytes.size()));
  header.provenance.model = text_field(text, "model");
  header.provenance.source = text_field(text, "source");
  header.provenance.licence = text_field(text, "licence");
  header.provenance.note = text_field(text, "note");
  header.hidden_states_file = text_field(text, "hidden_states_file");
  if (text.contains("hidden_states_file")) check_sidecar_name(header.hidden_states_file);
}

/// The numbers of the fixed part, not yet checked against each other.
PtraceHeader fixed_fields(std::span<const std::byte> fixed) {
  PtraceHeader header;
  header.shape.grid = {get_le<std::uint32_t>(fixed, 16), get_le<std::uint32_t>(fixed, 20)};
  header.shape.top_k = get_le<std::uint32_t>(fixed, 24);
  header.shape.first_layer_id = get_le<std::uint32_t>(fixed, 28);
  header.shape.layer_stride = get_le<std::uint32_t>(fixed, 32);
  header.block_tokens = get_le<std::uint32_t>(fixed, 44);
  header.tokens = get_le<std::uint64_t>(fixed, 48);
  header.sequences = get_le<std::uint32_t>(fixed, 56);
  header.data_stored_bytes = get_le<std::uint64_t>(fixed, 64);
  header.table_stored_bytes = get_le<std::uint64_t>(fixed, 72);
  return header;
}

void check_fixed(std::span<const std::byte> fixed, PtraceHeader& header) {
  check_shape(header.shape);
  expect_u32("bytes of an expert id", get_le<std::uint32_t>(fixed, 36),
             id_bytes_for(header.shape.grid.experts));
  const auto weights = get_le<std::uint32_t>(fixed, 40);
  if (weights > 2)
    refuse(fmt::format("weight format is {}: expected 0 (none), 1 (bf16) or 2 (fp32)", weights));
  header.weights = WeightFormat{weights};
  static_cast<void>(checked_id_bytes(header.shape, header.tokens));
  const auto raw = checked_mul(header.tokens, header.token_bytes(), "bytes of all tokens");
  if (raw > limits::trace_decompressed_bytes_max) {
    refuse(fmt::format("{} tokens unpack to {} bytes: expected at most {}", header.tokens, raw,
                       limits::trace_decompressed_bytes_max));
  }
  const auto block_tokens_max = limits::trace_block_bytes_max / header.token_bytes();
  if (header.block_tokens == 0 || header.block_tokens > block_tokens_max) {
    refuse(fmt::format("tokens of a data frame are {}: expected 1 to {}", header.block_tokens,
                       block_tokens_max));
  }
  if (header.sequences == 0 || header.sequences > limits::sequences_max || header.sequences > header.tokens) {
    refuse(fmt::format("number of sequences is {}: expected 1 to {}", header.sequences,
                       std::min<std::uint64_t>(limits::sequences_max, header.tokens)));
  }
  const auto flags = get_le<std::uint32_t>(fixed, 60);
  if ((flags & ~flag_synthetic) != 0) refuse(fmt::format("flags are {}: expected 0 or 1", flags));
  header.provenance.synthetic = (flags & flag_synthetic) != 0;
  const auto reserved = get_le<std::uint64_t>(fixed, 80);
  if (reserved != 0) refuse(fmt::format("reserved field at byte 80 is {}: expected 0", reserved));
}

std::vector<std::byte> read_text(const ByteSource& source, std::span<const std::byte> fixed) {
  const auto text_bytes = get_le<std::uint32_t>(fixed, 12);
  const auto most = std::min(limits::header_json_bytes_max, source.size_bytes() - ptrace_fixed_bytes);
  if (text_bytes > most)
    refuse(fmt::format("header text is {} bytes: expected at most {}", text_bytes, most));
  std::vector<std::byte> text(text_bytes);
  source.read_at(ptrace_fixed_bytes, text);
  const auto crc = crc64(text, crc64(fixed.first(ptrace_crc_offset)));
  const auto claimed = get_le<std::uint64_t>(fixed, ptrace_crc_offset);
  if (crc != claimed)
    refuse(fmt::format("header checksum is {:016x}: expected {:016x} as stored", crc, claimed));
  return text;
}

PtraceLayout layout_of(const PtraceHeader& header, std::uint64_t header_bytes, std::uint64_t file_bytes) {
  const auto stored = checked_add(header.data_stored_bytes, header.table_stored_bytes, "bytes of all frames");
  const auto expected = checked_add(header_bytes, stored, "bytes of the file");
  if (file_bytes != expected) {
    refuse(fmt::format("file is {} bytes: expected {} as its header says", file_bytes, expected));
  }
  const auto token_bytes = header.token_bytes();
  return {header,
          {header_bytes, header.data_stored_bytes, header.tokens * token_bytes,
           header.block_tokens * token_bytes},
          {header_bytes + header.data_stored_bytes, header.table_stored_bytes,
           header.sequences * sequence_record_bytes, sequences_per_frame * sequence_record_bytes}};
}

PtraceLayout read_checked(const ByteSource& source) {
  std::array<std::byte, ptrace_fixed_bytes> fixed{};
  const auto have = static_cast<std::size_t>(std::min<std::uint64_t>(fixed.size(), source.size_bytes()));
  source.read_at(0, std::span(fixed).first(have));
  if (have < ptrace_magic.size() ||
      std::memcmp(fixed.data(), ptrace_magic.data(), ptrace_magic.size()) != 0) {
    refuse("does not begin with \"PTRACE\\r\\n\": expected a Prophet trace");
  }
  if (have < fixed.size())
    refuse(fmt::format("ends at byte {}: expected a header of {} bytes", have, fixed.size()));
  expect_u32("format version", get_le<std::uint32_t>(fixed, 8), ptrace_version);
  const auto text = read_text(source, fixed);
  auto header = fixed_fields(fixed);
  check_fixed(fixed, header);
  parse_header_text(text, header);
  return layout_of(header, ptrace_fixed_bytes + text.size(), source.size_bytes());
}

}  // namespace

std::uint64_t PtraceHeader::token_bytes() const noexcept {
  return ids_per_token(shape) * (id_bytes_for(shape.grid.experts) + weight_bytes(weights));
}

std::vector<std::byte> encode_ptrace_header(const PtraceHeader& header) {
  const auto text = header_text(header);
  std::vector<std::byte> bytes;
  for (const char letter : ptrace_magic) bytes.push_back(static_cast<std::byte>(letter));
  put_le(bytes, ptrace_version);
  put_le(bytes, static_cast<std::uint32_t>(text.size()));
  put_le(bytes, header.shape.grid.layers);
  put_le(bytes, header.shape.grid.experts);
  put_le(bytes, header.shape.top_k);
  put_le(bytes, header.shape.first_layer_id);
  put_le(bytes, header.shape.layer_stride);
  put_le(bytes, id_bytes_for(header.shape.grid.experts));
  put_le(bytes, static_cast<std::uint32_t>(header.weights));
  put_le(bytes, header.block_tokens);
  put_le(bytes, header.tokens);
  put_le(bytes, header.sequences);
  put_le(bytes, header.provenance.synthetic ? flag_synthetic : 0U);
  put_le(bytes, header.data_stored_bytes);
  put_le(bytes, header.table_stored_bytes);
  put_le(bytes, std::uint64_t{0});
  const auto text_bytes = std::as_bytes(std::span(text));
  put_le(bytes, crc64(text_bytes, crc64(bytes)));
  bytes.insert(bytes.end(), text_bytes.begin(), text_bytes.end());
  return bytes;
}

PtraceLayout read_ptrace_header(const ByteSource& source) {
  return in_file(source.where(), [&] { return read_checked(source); });
}

void check_sidecar_name(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    refuse(fmt::format("hidden-state file is named \"{}\": expected a file name without a folder", name));
  }
}

}  // namespace prophet
