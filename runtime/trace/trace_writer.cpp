#include "runtime/trace/trace_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t usual_block_bytes = 1U << 20;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

PtraceHeader checked_header(const TraceShape& shape, TraceProvenance provenance,
                            const TraceWriterOptions& options) {
  check_shape(shape);
  PtraceHeader header;
  header.shape = shape;
  header.provenance = std::move(provenance);
  header.hidden_states_file = options.hidden_states_file;
  header.weights = options.weights;
  if (!options.hidden_states_file.empty()) check_sidecar_name(options.hidden_states_file);
  const auto block_tokens_max = limits::trace_block_bytes_max / header.token_bytes();
  if (options.block_tokens > block_tokens_max) {
    refuse(fmt::format("tokens of a data frame are {}: expected at most {}", options.block_tokens,
                       block_tokens_max));
  }
  const auto usual = std::clamp<std::uint64_t>(usual_block_bytes / header.token_bytes(), 1, block_tokens_max);
  header.block_tokens = options.block_tokens != 0 ? options.block_tokens : static_cast<std::uint32_t>(usual);
  return header;
}

/// bf16 keeps the range of fp32 but for its last half step, which would round to infinity.
void check_bf16_range(std::span<const float> weights) {
  for (const float weight : weights) {
    if ((float_to_bf16(weight) & 0x7f80U) == 0x7f80U) {
      refuse(fmt::format("router weight is {}: expected one within the range of bf16", weight));
    }
  }
}

}  // namespace

TraceWriter::TraceWriter(const std::filesystem::path& path, const TraceShape& shape,
                         TraceProvenance provenance, TraceWriterOptions options)
    : header_(in_file(path.string(), [&] { return checked_header(shape, std::move(provenance), options); })),
      file_(path),
      data_(file_, options.zstd_level),
      check_(std::numeric_limits<std::uint64_t>::max()),
      zstd_level_(options.zstd_level) {
  // Holds the place of the header, whose length is known and whose counts are not.
  file_.write(in_file(path.string(), [&] { return encode_ptrace_header(header_); }));
}

std::uint64_t TraceWriter::checked_rows(std::span<const std::byte> ids,
                                        std::span<const float> weights) const {
  const auto row = ids_per_token(header_.shape);
  const auto row_bytes = row * id_bytes_for(header_.shape.grid.experts);
  if (ids.size() % row_bytes != 0) {
    refuse(fmt::format("expert ids take {} bytes: expected a multiple of {}", ids.size(), row_bytes));
  }
  const auto rows = ids.size() / row_bytes;
  const auto expected_weights = header_.weights == WeightFormat::none ? 0 : rows * row;
  if (weights.size() != expected_weights) {
    refuse(fmt::format("number of router weights is {}: expected {}", weights.size(), expected_weights));
  }
  const auto tokens_max =
      std::min(limits::trace_tokens_max, limits::trace_decompressed_bytes_max / header_.token_bytes());
  if (rows > tokens_max - header_.tokens) {
    refuse(fmt::format("number of tokens is {}: expected at most {}", header_.tokens + rows, tokens_max));
  }
  check_ids(header_.shape, ids, header_.tokens);
  check_weights(header_.shape, weights, header_.tokens);
  if (header_.weights == WeightFormat::bf16) check_bf16_range(weights);
  return rows;
}

void TraceWriter::append(std::span<const std::byte> ids, std::span<const float> weights) {
  in_file(file_.path().string(), [&] {
    if (closed_) refuse("the file is finished or failed: expected no more tokens");
    auto rows = checked_rows(ids, weights);
    closed_ = true;  // until all of it is written
    const auto row = ids_per_token(header_.shape);
    while (rows > 0) {
      const auto room = header_.block_tokens - header_.tokens % header_.block_tokens;
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(rows, room));
      const auto id_bytes = take * static_cast<std::size_t>(row) * id_bytes_for(header_.shape.grid.experts);
      block_ids_.insert(block_ids_.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(id_bytes));
      ids = ids.subspan(id_bytes);
      const auto weight_count = weights.empty() ? 0 : take * static_cast<std::size_t>(row);
      buffer_weights(weights.first(weight_count));
      weights = weights.subspan(weight_count);
      header_.tokens += take;
      rows -= take;
      if (take == room) flush_block();
    }
    closed_ = false;
  });
}

void TraceWriter::buffer_weights(std::span<const float> weights) {
  for (const float weight : weights) {
    if (header_.weights == WeightFormat::bf16) {
      put_le(block_weights_, float_to_bf16(weight));
    } else {
      put_le(block_weights_, weight);
    }
  }
}

void TraceWriter::flush_block() {
  if (block_ids_.empty()) return;
  block_ids_.insert(block_ids_.end(), block_weights_.begin(), block_weights_.end());
  data_.write(block_ids_);
  block_ids_.clear();
  block_weights_.clear();
}

void TraceWriter::add_sequence(const SequenceInfo& sequence) {
  in_file(file_.path().string(), [&] {
    if (closed_) refuse("the file is finished or failed: expected no more sequences");
    auto checked = check_;
    checked.next(sequence);
    put_le(table_, sequence.first_token);
    put_le(table_, sequence.tokens);
    put_le(table_, sequence.prefill_tokens);
    put_le(table_, sequence.flags);
    check_ = checked;
    sequences_end_ = sequence.first_token + sequence.tokens;
    ++header_.sequences;
  });
}

void TraceWriter::write_table() {
  FrameWriter frames(file_, zstd_level_);
  auto left = std::span<const std::byte>(table_);
  while (!left.empty()) {
    const auto take = std::min<std::size_t>(left.size(), sequences_per_frame * sequence_record_bytes);
    frames.write(left.first(take));
    left = left.subspan(take);
  }
  header_.table_stored_bytes = frames.stored_bytes();
}

void TraceWriter::finish() {
  in_file(file_.path().string(), [&] {
    if (closed_) refuse("the file is finished or failed: expected one call of finish");
    static_cast<void>(checked_id_bytes(header_.shape, header_.tokens));
    check_.finish();
    if (sequences_end_ > header_.tokens) {
      refuse(fmt::format("the last sequence ends at token {}: expected at most {}, the tokens of the trace",
                         sequences_end_, header_.tokens));
    }
    closed_ = true;
    flush_block();
    header_.data_stored_bytes = data_.stored_bytes();
    write_table();
    file_.write_at(0, encode_ptrace_header(header_));
    file_.commit();
  });
}

void write_trace(const std::filesystem::path& path, const RoutingTrace& trace,
                 const std::string& hidden_states_file) {
  TraceWriterOptions options;
  options.hidden_states_file = hidden_states_file;
  if (trace.has_weights()) {
    const auto weights = trace.weight_storage();
    const bool exact = std::all_of(weights.begin(), weights.end(), is_exact_bf16);
    options.weights = exact ? WeightFormat::bf16 : WeightFormat::fp32;
  }
  TraceWriter writer(path, trace.shape(), trace.provenance(), options);
  for (const auto& sequence : trace.sequences()) writer.add_sequence(sequence);
  writer.append(trace.id_storage(), trace.weight_storage());
  writer.finish();
}

}  // namespace prophet
