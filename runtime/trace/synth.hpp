#pragma once

#include <cstdint>
#include <string>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Parameters of the generative model of routing below, with defaults near what gpt-oss-20b's recorded decode
/// tokens show. Each has bounds; synthesise() refuses what lies outside.
///
/// Fixed per trace and layer: a random permutation of the experts, of which the r-th (from 0) has popularity
/// proportional to 1 / (r + 1)^zipf_exponent; and a random permutation "successor" of the experts.
/// Per sequence: a topic of round(topic_fraction * experts) experts a layer, drawn by popularity without
/// replacement. After each token, each topic expert is replaced with probability topic_drift by a draw by
/// popularity from those outside.
/// Per token and layer, top_k experts:
///   1. each expert of the sequence's previous token in that layer is kept with probability `persistence`;
///   2. each place still empty is filled, in layers after the first, with probability `coupling` by the
///   successor of
///      an expert that this token chose in the layer before, picked uniformly among those whose successor is
///      free;
///   3. each other place is filled by popularity without replacement: with probability topic_strength from
///   the topic's
///      free experts, else from all free experts. (With no candidate, a step falls through to the next
///      source.)
/// Without the other terms (zipf_exponent = coupling = topic_strength = 0) the share of repeated experts from
/// token to token is E[m + (k - m)^2 / (experts - m)] / k with m ~ Binomial(k = top_k, persistence); the
/// share of a layer's experts that are successors is the same with `coupling` for `persistence`. With top_k =
/// 1 and nothing but zipf_exponent, expert frequencies are the Zipf distribution itself.
///
/// Ranks are one shuffle of these draws. Lengths are 1 + geometric with mean
/// mean_sequence_tokens, cut at max_sequence_tokens; prompt tokens are drawn in the same way, and come on
/// top.
struct SynthOptions {
  std::string model = "synthetic";
  std::uint32_t layers = 24;                 ///< 1 to limits::layers_max
  std::uint32_t experts = 32;                ///< per layer, 1 to limits::experts_per_layer_max
  std::uint32_t top_k = 4;                   ///< 1 to experts, at most limits::top_k_max
  std::uint32_t sequences = 64;              ///< 1 to limits::sequences_max
  std::uint32_t mean_sequence_tokens = 256;  ///< decoded tokens, 1 to max_sequence_tokens
  std::uint32_t max_sequence_tokens = 2048;  ///< 1 to 1,048,576
  std::uint32_t prefill_tokens = 0;          ///< prompt tokens of each sequence, 0 to 1,048,576
  double zipf_exponent = 0.9;                ///< 0 (uniform) to 4
  double persistence = 0.28;                 ///< 0 to 1
  double coupling = 0.2;                     ///< 0 to 1
  double topic_fraction = 0.25;              ///< share of a layer's experts that a topic holds, 0 to 1
  double topic_strength = 0.3;               ///< 0 (no topics) to 1
  double topic_drift = 0.005;                ///< per token and topic expert, 0 to 1
  bool weights = false;  ///< router weights: softmax of top_k falling standard-exponential draws
  std::uint64_t seed = 1;
};

/// Draws a trace; the same options give the same trace, as far as the C library's pow() and log() agree. Its
/// provenance is marked synthetic and its note states every parameter. Throws Error{usage} naming the option,
/// its value and its bounds, and Error{bad_input} when the trace would pass
/// limits::trace_decompressed_bytes_max.
[[nodiscard]] RoutingTrace synthesise(const SynthOptions& options);

}  // namespace prophet
