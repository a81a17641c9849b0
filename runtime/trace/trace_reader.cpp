#include "runtime/trace/trace_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"
#include "runtime/trace/bounded_growth.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet {
namespace {

void decode_weights(WeightFormat format, std::span<const std::byte> bytes, std::vector<float>& out) {
  out.resize(format == WeightFormat::none ? 0 : bytes.size() / weight_bytes(format));
  for (std::size_t at = 0; at < out.size(); ++at) {
    out[at] = format == WeightFormat::bf16 ? bf16_to_float(get_le<std::uint16_t>(bytes, 2 * at))
                                           : get_le<float>(bytes, 4 * at);
  }
}

template <class T>
void append(std::vector<T>& to, std::span<const T> from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

BlockReader::BlockReader(const ByteSource& source, const PtraceLayout& layout)
    : source_(&source),
      shape_(layout.header.shape),
      format_(layout.header.weights),
      frames_(source, layout.data),
      token_bytes_(layout.header.token_bytes()) {}

bool BlockReader::next(TraceBlock& block) {
  const auto piece = frames_.next();
  if (piece.empty()) return false;
  const auto tokens = piece.size() / token_bytes_;
  const auto id_bytes = tokens * ids_per_token(shape_) * id_bytes_for(shape_.grid.experts);
  const auto ids = piece.first(static_cast<std::size_t>(id_bytes));
  decode_weights(format_, piece.subspan(ids.size()), weights_);
  in_file(source_->where(), [&] {
    check_ids(shape_, ids, next_token_);
    check_weights(shape_, weights_, next_token_);
  });
  block = {next_token_, static_cast<std::uint32_t>(tokens), ids, weights_};
  next_token_ += tokens;
  return true;
}

SequenceReader::SequenceReader(const ByteSource& source, const PtraceLayout& layout)
    : source_(&source), frames_(source, layout.table), check_(layout.header.tokens) {}

bool SequenceReader::next(SequenceInfo& sequence) {
  if (piece_.empty()) piece_ = frames_.next();
  if (piece_.empty()) return false;
  const SequenceInfo read{get_le<std::uint64_t>(piece_, 0), get_le<std::uint32_t>(piece_, 8),
                          get_le<std::uint32_t>(piece_, 12), get_le<std::uint32_t>(piece_, 16)};
  piece_ = piece_.subspan(sequence_record_bytes);
  in_file(source_->where(), [&] { check_.next(read); });
  sequence = read;
  return true;
}

TraceReader::TraceReader(const std::filesystem::path& path) : TraceReader(open_file_source(path)) {}

TraceReader::TraceReader(std::span<const std::byte> bytes, std::string where)
    : TraceReader(make_memory_source(bytes, std::move(where))) {}

TraceReader::TraceReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)),
      layout_(read_ptrace_header(*source_)),
      blocks_(*source_, layout_),
      sequences_(*source_, layout_),
      sequence_blocks_(*source_, layout_) {}

bool TraceReader::next_sequence(SequenceRows& rows) {
  SequenceInfo info;
  if (!sequences_.next(info)) return false;
  rows.info = info;
  rows.ids.clear();
  rows.weights.clear();
  std::uint64_t at = info.first_token;
  const std::uint64_t end = at + info.tokens;
  while (at < end) {
    const auto block_end = sequence_block_.first_token + sequence_block_.tokens;
    if (at >= block_end) {
      // The header and the sequence check promise that a block for `at` is still to come.
      if (!sequence_blocks_.next(sequence_block_)) break;
      continue;
    }
    const auto to = std::min(end, block_end);
    append_rows(rows, at, to);
    at = to;
  }
  return true;
}

void TraceReader::append_rows(SequenceRows& rows, std::uint64_t from, std::uint64_t to) const {
  const auto row = static_cast<std::size_t>(ids_per_token(header().shape));
  const auto id_row = row * id_bytes_for(header().shape.grid.experts);
  const auto skip = static_cast<std::size_t>(from - sequence_block_.first_token);
  const auto take = static_cast<std::size_t>(to - from);
  append(rows.ids, sequence_block_.ids.subspan(skip * id_row, take * id_row));
  if (header().weights == WeightFormat::none) return;
  append(rows.weights, sequence_block_.weights.subspan(skip * row, take * row));
}

RoutingTrace TraceReader::read_all() const {
  BlockReader blocks(*source_, layout_);
  SequenceReader table(*source_, layout_);
  std::vector<SequenceInfo> sequences;
  for (SequenceInfo info; table.next(info); sequences.push_back(info)) {
    grow_towards(sequences, header().sequences, 1);
  }
  const auto id_count = header().tokens * ids_per_token(header().shape);
  std::vector<std::byte> ids;
  std::vector<float> weights;
  for (TraceBlock block; blocks.next(block);) {
    grow_towards(ids, id_count * id_bytes_for(header().shape.grid.experts), block.ids.size());
    append(ids, block.ids);
    grow_towards(weights, id_count, block.weights.size());
    append(weights, block.weights);
  }
  return in_file(source_->where(), [&] {
    return RoutingTrace(header().shape, header().provenance, std::move(sequences), std::move(ids),
                        std::move(weights));
  });
}

}  // namespace prophet
