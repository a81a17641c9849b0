#include "runtime/trace/check_trace.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

void check_between(std::string_view name, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value < low || value > high) refuse(fmt::format("{} is {}: expected {} to {}", name, value, low, high));
}

template <std::uint32_t id_bytes>
std::uint32_t id_at(const std::byte* ids, std::size_t at) noexcept {
  if constexpr (id_bytes == 1) {
    return std::to_integer<std::uint32_t>(ids[at]);
  } else {
    return std::to_integer<std::uint32_t>(ids[2 * at]) | std::to_integer<std::uint32_t>(ids[2 * at + 1]) << 8;
  }
}

/// "token 7, layer 2": where entry `at` of rows that start at `first_token` stands.
std::string place(const TraceShape& shape, std::uint64_t first_token, std::uint64_t at) {
  const auto row = ids_per_token(shape);
  return fmt::format("token {}, layer {}", first_token + at / row, at % row / shape.top_k);
}

/// Marks each expert with the number of the (token, layer) group that last had it.
template <std::uint32_t id_bytes>
void check_ids_of(const TraceShape& shape, std::span<const std::byte> bytes, std::uint64_t first_token) {
  const std::size_t count = bytes.size() / id_bytes;
  const std::uint32_t experts = shape.grid.experts;
  std::vector<std::uint64_t> last_group(experts, 0);
  std::uint64_t group = 0;
  for (std::size_t at = 0; at < count; at += shape.top_k) {
    ++group;
    for (std::size_t rank = 0; rank < shape.top_k; ++rank) {
      const std::uint32_t id = id_at<id_bytes>(bytes.data(), at + rank);
      if (id >= experts) {
        refuse(fmt::format("{}: expert id is {}: expected below {}", place(shape, first_token, at), id,
                           experts));
      }
      if (last_group[id] == group) {
        refuse(fmt::format("{}: expert id {} stands twice: expected {} different experts",
                           place(shape, first_token, at), id, shape.top_k));
      }
      last_group[id] = group;
    }
  }
}

}  // namespace

void check_shape(const TraceShape& shape) {
  check_between("number of layers", shape.grid.layers, 1, limits::layers_max);
  check_between("number of experts", shape.grid.experts, 1, limits::experts_per_layer_max);
  check_between("top-k", shape.top_k, 1, limits::top_k_max);
  if (shape.top_k > shape.grid.experts) {
    refuse(fmt::format("top-k is {}: expected at most the {} experts of a layer", shape.top_k,
                       shape.grid.experts));
  }
  if (shape.layer_stride == 0) refuse("layer stride is 0: expected at least 1");
  const std::uint64_t last = shape.first_layer_id + std::uint64_t{shape.grid.layers - 1} * shape.layer_stride;
  if (last > std::numeric_limits<std::uint32_t>::max()) {
    refuse(fmt::format("last layer id is {}: expected below 2^32", last));
  }
}

std::uint64_t checked_id_bytes(const TraceShape& shape, std::uint64_t tokens) {
  check_between("number of tokens", tokens, 1, limits::trace_tokens_max);
  const auto row_bytes = ids_per_token(shape) * id_bytes_for(shape.grid.experts);
  const auto bytes = checked_mul(tokens, row_bytes, "bytes of expert ids");
  if (bytes > limits::trace_decompressed_bytes_max) {
    refuse(fmt::format("expert ids of {} tokens take {} bytes: expected at most {}", tokens, bytes,
                       limits::trace_decompressed_bytes_max));
  }
  return bytes;
}

void SequenceCheck::next(const SequenceInfo& sequence) {
  const auto index = seen_;
  if (index == limits::sequences_max) {
    refuse(fmt::format("there are more than {} sequences: expected at most that", limits::sequences_max));
  }
  if (sequence.tokens == 0)
    refuse(fmt::format("sequence {}: number of tokens is 0: expected at least 1", index));
  if (sequence.prefill_tokens > sequence.tokens) {
    refuse(fmt::format("sequence {}: number of prefill tokens is {}: expected at most its {} tokens", index,
                       sequence.prefill_tokens, sequence.tokens));
  }
  if (sequence.first_token < end_) {
    refuse(fmt::format("sequence {}: first token is {}: expected {} or later, where the sequence before ends",
                       index, sequence.first_token, end_));
  }
  if (sequence.first_token > tokens_ || sequence.tokens > tokens_ - sequence.first_token) {
    refuse(fmt::format("sequence {}: tokens {} + {} reach beyond the trace: expected at most {} tokens",
                       index, sequence.first_token, sequence.tokens, tokens_));
  }
  end_ = sequence.first_token + sequence.tokens;
  ++seen_;
}

void SequenceCheck::finish() const {
  if (seen_ == 0) refuse("number of sequences is 0: expected at least 1");
}

void check_ids(const TraceShape& shape, std::span<const std::byte> ids, std::uint64_t first_token) {
  if (id_bytes_for(shape.grid.experts) == 1) {
    check_ids_of<1>(shape, ids, first_token);
  } else {
    check_ids_of<2>(shape, ids, first_token);
  }
}

void check_weights(const TraceShape& shape, std::span<const float> weights, std::uint64_t first_token) {
  for (std::size_t at = 0; at < weights.size(); ++at) {
    if (std::isfinite(weights[at])) continue;
    refuse(fmt::format("{}: router weight is {}: expected a finite number", place(shape, first_token, at),
                       weights[at]));
  }
}

}  // namespace prophet
