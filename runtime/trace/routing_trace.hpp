#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"

namespace prophet {

/// What the columns of a trace are.
struct TraceShape {
  ExpertGrid grid;                   ///< [layers, experts] of the traced model's MoE layers
  std::uint32_t top_k = 0;           ///< experts chosen per token and layer
  std::uint32_t first_layer_id = 0;  ///< layer id, in the whole model, of column 0
  std::uint32_t layer_stride = 1;    ///< layer id of column l is first_layer_id + l * layer_stride
  friend bool operator==(const TraceShape&, const TraceShape&) = default;
};

/// Where a trace comes from and what may be done with it. Travels with the trace through every conversion.
struct TraceProvenance {
  std::string model;       ///< name of the traced model, as its source calls it
  std::string source;      ///< who recorded it, with a commit or version where there is one
  std::string licence;     ///< SPDX expression, or "unknown"
  std::string note;        ///< anything a reader of a table must know
  bool synthetic = false;  ///< drawn from a model, never recorded; once true it stays true
  friend bool operator==(const TraceProvenance&, const TraceProvenance&) = default;
};

/// Bits of SequenceInfo::flags; the values are those of MRT1.
namespace sequence_flags {
inline constexpr std::uint32_t finished = 1;      ///< the sequence ended by itself
inline constexpr std::uint32_t repetitive = 2;    ///< looping text: says nothing about locality
inline constexpr std::uint32_t batched_step = 4;  ///< the row is one decode step of a batch, not a sequence
inline constexpr std::uint32_t duplicate = 8;     ///< the text repeats an earlier sequence
}  // namespace sequence_flags

struct SequenceInfo {
  std::uint64_t first_token = 0;     ///< row of the sequence's first token in the trace
  std::uint32_t tokens = 0;          ///< rows of the sequence, prefill included
  std::uint32_t prefill_tokens = 0;  ///< how many of them, at the front, are prompt tokens
  std::uint32_t flags = 0;           ///< see sequence_flags
  friend bool operator==(const SequenceInfo&, const SequenceInfo&) = default;
};

/// A routing trace in memory: expert ids [tokens, layers, top_k] in 1 byte (up to 256 experts) or 2 bytes,
/// and the router's weights [tokens, layers, top_k] when the source has them.
///
/// A value type without hidden sharing; const access is thread-safe. Readers and importers have checked that
/// every id is below shape().grid.experts, that ids of one (token, layer) are distinct and that sequences lie
/// within the tokens, without overlap and in order.
class RoutingTrace {
 public:
  RoutingTrace() = default;
  /// Takes ids of `shape.top_k` experts per (token, layer). `ids` has one byte an id when experts <= 256,
  /// else two (little endian). `weights` is empty or as long as there are ids. Throws Error{bad_input} when
  /// the parts do not fit each other or an id is out of range or repeated within its (token, layer).
  RoutingTrace(TraceShape shape, TraceProvenance provenance, std::vector<SequenceInfo> sequences,
               std::vector<std::byte> ids, std::vector<float> weights);

  [[nodiscard]] const TraceShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const TraceProvenance& provenance() const noexcept { return provenance_; }
  [[nodiscard]] std::span<const SequenceInfo> sequences() const noexcept { return sequences_; }
  [[nodiscard]] std::uint64_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] bool has_weights() const noexcept { return !weights_.empty(); }
  /// Bytes of one stored id: 1 or 2.
  [[nodiscard]] std::uint32_t id_bytes() const noexcept { return id_bytes_; }

  /// The expert at `rank` (0 is the router's first choice where the source says so). REQUIRES: in range.
  [[nodiscard]] ExpertId expert(std::uint64_t token, LayerId layer, std::uint32_t rank) const noexcept {
    const std::size_t at = offset(token, layer) + rank;
    if (id_bytes_ == 1) return ExpertId{std::to_integer<std::uint32_t>(ids_[at])};
    return ExpertId{std::to_integer<std::uint32_t>(ids_[2 * at]) |
                    std::to_integer<std::uint32_t>(ids_[2 * at + 1]) << 8};
  }

  /// Router weights [top_k] of one token and layer. REQUIRES: has_weights() and in range.
  [[nodiscard]] std::span<const float> weights(std::uint64_t token, LayerId layer) const noexcept {
    return std::span(weights_).subspan(offset(token, layer), shape_.top_k);
  }

  /// All ids as stored, [tokens, layers, top_k] x id_bytes().
  [[nodiscard]] std::span<const std::byte> id_storage() const noexcept { return ids_; }
  [[nodiscard]] std::span<const float> weight_storage() const noexcept { return weights_; }

  friend bool operator==(const RoutingTrace&, const RoutingTrace&) = default;

 private:
  [[nodiscard]] std::size_t offset(std::uint64_t token, LayerId layer) const noexcept {
    return static_cast<std::size_t>((token * shape_.grid.layers + layer.value) * shape_.top_k);
  }

  TraceShape shape_;
  TraceProvenance provenance_;
  std::vector<SequenceInfo> sequences_;
  std::vector<std::byte> ids_;
  std::vector<float> weights_;
  std::uint64_t tokens_ = 0;
  std::uint32_t id_bytes_ = 1;
};

}  // namespace prophet
