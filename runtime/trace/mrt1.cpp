#include "runtime/trace/mrt1.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/trace/bounded_growth.hpp"
#include "runtime/trace/check_trace.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/little_endian.hpp"
#include "runtime/trace/mrt1_layout.hpp"

namespace prophet {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

struct Header {
  TraceShape shape;
  std::uint32_t sequences = 0;
  std::uint32_t tokens = 0;
  bool weights = false;
};

void check_counts(const Header& header) {
  check_shape(header.shape);
  if (header.shape.grid.experts > mrt1::experts_max) {
    refuse(fmt::format("number of experts is {}: expected at most {}, because MRT1 ids are one byte",
                       header.shape.grid.experts, mrt1::experts_max));
  }
  static_cast<void>(checked_id_bytes(header.shape, header.tokens));
  const auto most = std::min<std::uint64_t>(limits::sequences_max, header.tokens);
  if (header.sequences == 0 || header.sequences > most) {
    refuse(fmt::format("number of sequences is {}: expected 1 to {}", header.sequences, most));
  }
}

Header read_header(ByteStream& stream) {
  std::array<std::byte, mrt1::header_bytes> bytes{};
  const auto got = stream.read(bytes);
  if (got < mrt1::magic.size() || std::memcmp(bytes.data(), mrt1::magic.data(), mrt1::magic.size()) != 0) {
    refuse("does not begin with \"MRT1\": expected an MRT1 trace");
  }
  if (got < bytes.size())
    refuse(fmt::format("ends at byte {}: expected a header of {} bytes", got, bytes.size()));
  const auto version = get_le<std::uint32_t>(bytes, 4);
  if (version != mrt1::version)
    refuse(fmt::format("format version is {}: expected {}", version, mrt1::version));
  const auto flags = get_le<std::uint32_t>(bytes, 28);
  if ((flags & ~mrt1::flag_weights) != 0) refuse(fmt::format("flags are {}: expected 0 or 1", flags));
  const auto reserved = get_le<std::uint64_t>(bytes, 40);
  if (reserved != 0) refuse(fmt::format("reserved field at byte 40 is {}: expected 0", reserved));
  Header header;
  header.shape.grid = {get_le<std::uint32_t>(bytes, 8), get_le<std::uint32_t>(bytes, 12)};
  header.shape.top_k = get_le<std::uint32_t>(bytes, 16);
  header.sequences = get_le<std::uint32_t>(bytes, 20);
  header.tokens = get_le<std::uint32_t>(bytes, 24);
  header.shape.first_layer_id = get_le<std::uint32_t>(bytes, 32);
  header.shape.layer_stride = get_le<std::uint32_t>(bytes, 36);
  header.weights = (flags & mrt1::flag_weights) != 0;
  check_counts(header);
  return header;
}

/// The claim is bounded before anything is allocated for it, and held against the size where that is known.
void check_size(const Header& header, const ByteStream& stream) {
  const auto ids = header.tokens * ids_per_token(header.shape);
  const auto body = checked_mul(ids, header.weights ? 3 : 1, "bytes of ids and weights");
  const auto total = mrt1::header_bytes + header.sequences * mrt1::sequence_bytes + body;
  if (total > limits::trace_decompressed_bytes_max) {
    refuse(fmt::format("the header claims {} bytes: expected at most {}", total,
                       limits::trace_decompressed_bytes_max));
  }
  const auto size = stream.size_bytes();
  if (size && *size != total)
    refuse(fmt::format("file is {} bytes: expected {} as its header says", *size, total));
}

std::vector<SequenceInfo> read_sequences(ByteStream& stream, const Header& header) {
  std::vector<SequenceInfo> sequences;
  SequenceCheck check(header.tokens);
  std::array<std::byte, mrt1::sequence_bytes> bytes{};
  for (std::uint32_t index = 0; index < header.sequences; ++index) {
    stream.read_exactly(bytes);
    const SequenceInfo sequence{get_le<std::uint32_t>(bytes, 0), get_le<std::uint32_t>(bytes, 4),
                                get_le<std::uint32_t>(bytes, 8), get_le<std::uint32_t>(bytes, 12)};
    check.next(sequence);
    grow_towards(sequences, header.sequences, 1);
    sequences.push_back(sequence);
  }
  return sequences;
}

std::vector<std::byte> read_ids(ByteStream& stream, std::uint64_t count) {
  std::vector<std::byte> ids;
  while (ids.size() < count) {
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, count - ids.size()));
    grow_towards(ids, count, take);
    const auto at = ids.size();
    ids.resize(at + take);
    stream.read_exactly(std::span(ids).subspan(at));
  }
  return ids;
}

std::vector<float> read_weights(ByteStream& stream, std::uint64_t count) {
  std::vector<float> weights;
  std::array<std::byte, chunk_bytes> chunk{};
  while (weights.size() < count) {
    const auto take =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes / 2, count - weights.size()));
    stream.read_exactly(std::span(chunk).first(2 * take));
    grow_towards(weights, count, take);
    for (std::size_t at = 0; at < take; ++at) {
      weights.push_back(bf16_to_float(get_le<std::uint16_t>(chunk, 2 * at)));
    }
  }
  return weights;
}

TraceProvenance unknown_origin(const ByteStream& stream) {
  return {"unknown", std::filesystem::path(stream.source_name()).filename().string(), "unknown", "", false};
}

RoutingTrace import_source(const ByteSource& source) {
  std::array<std::byte, mrt1::xz_magic.size()> first{};
  const auto have = static_cast<std::size_t>(std::min<std::uint64_t>(first.size(), source.size_bytes()));
  source.read_at(0, std::span(first).first(have));
  const bool packed = std::memcmp(first.data(), mrt1::xz_magic.data(), first.size()) == 0;
  const auto stream = packed ? make_xz_stream(source) : make_plain_stream(source);
  return read_mrt1(*stream);
}

}  // namespace

RoutingTrace read_mrt1(ByteStream& stream) {
  return in_file(stream.where(), [&] {
    const auto header = read_header(stream);
    check_size(header, stream);
    auto sequences = read_sequences(stream, header);
    const auto ids_count = header.tokens * ids_per_token(header.shape);
    auto ids = read_ids(stream, ids_count);
    auto weights = read_weights(stream, header.weights ? ids_count : 0);
    stream.expect_end();
    return RoutingTrace(header.shape, unknown_origin(stream), std::move(sequences), std::move(ids),
                        std::move(weights));
  });
}

RoutingTrace import_mrt1(const std::filesystem::path& path) {
  return import_source(*open_file_source(path));
}

RoutingTrace parse_mrt1(std::span<const std::byte> bytes, std::string_view name) {
  return import_source(*make_memory_source(bytes, std::string(name)));
}

}  // namespace prophet
