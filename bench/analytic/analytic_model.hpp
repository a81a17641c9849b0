#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/analytic/approach.hpp"
#include "bench/analytic/expert_demand.hpp"
#include "bench/analytic/study/study_catalogue.hpp"
#include "runtime/model/model_shape.hpp"

namespace prophet::analytic {

/// K and V of a run of like layers.
struct KvRun {
  std::uint64_t token_bytes = 0;    ///< of one token in all of them
  std::uint64_t window_tokens = 0;  ///< kept at most; 0: all
};

/// Activations of a step: max(chunk_tokens, batch) rows, and what each sequence adds.
struct ActivationCost {
  std::uint64_t chunk_tokens = 0;
  std::uint64_t row_bytes = 0;
  std::uint64_t sequence_bytes = 0;
};

/// A model as the arithmetic sees it, from either catalogue, in bytes. What a catalogue does not know is
/// none, and so is everything that follows from it.
struct AnalyticModel {
  std::string name;
  std::string label;   ///< as its catalogue writes it
  std::string source;  ///< of its numbers
  std::uint32_t experts = 0;
  std::uint32_t top_k = 0;
  std::optional<std::uint32_t> layers;  ///< all of them
  std::optional<std::uint32_t> moe_layers;
  std::optional<std::uint32_t> hidden_size;
  std::optional<std::uint64_t> expert_bytes;  ///< one routed expert, as shipped
  std::optional<std::uint64_t> expert_int8_bytes;
  std::optional<std::uint64_t> expert_int4_bytes;
  std::optional<std::uint64_t> non_expert_bytes;
  std::uint64_t lookup_bytes = 0;  ///< the part of them of which a step reads single rows
  std::optional<ActivationCost> activations;
  std::optional<std::vector<KvRun>> kv;
  std::uint64_t state_bytes = 0;  ///< of one sequence in layers without attention
  std::optional<double> total_params;
  std::optional<double> active_params;  ///< that one token is multiplied with
  std::uint64_t predictor_bytes = 0;
  double dedup_exponent = study_exponent;  ///< of the law that sizes Prophet's cache
  /// Of a layer, that caches keep over all GPUs; as many as the law asks for where none is given.
  std::optional<std::uint32_t> cache_experts;
  bool stages = false;         ///< experts that are not resident pass through top_k staging slabs
  bool whole_experts = false;  ///< a fraction of an expert is kept as a whole one
  /// GPUs over which the experts of a layer and the sequences of a batch are divided. `experts` and every
  /// batch are of all of them together, all bytes of one.
  std::uint32_t expert_gpus = 1;
};

/// A model of either catalogue.
struct CatalogueModel {
  AnalyticModel model;
  std::optional<StudyModel> study;  ///< only where it is the study's
  std::optional<ModelShape> shape;  ///< only where it is as the architecture is
};

/// The architecture as it is: sizes of runtime/model, KV in bf16 by kv_arithmetic.hpp, activations of
/// headroom_arithmetic.hpp with prompts in chunks of 512 tokens, a predictor of learned_parameters_max
/// parameters in bf16. Whole experts only, and top_k staging slabs.
[[nodiscard]] AnalyticModel real_model(const ModelShape& shape);

/// The study's figures with MB and GB as 10^6 and 10^9 bytes throughout: what it would have computed without
/// mixing units. int8 and int4 are a half and a quarter, as FP16 is what it states. Its sequence's
/// activations are a constant, its KV has as many heads as the hidden size allows, Prophet's own part is
/// its 7.2 MB.
[[nodiscard]] AnalyticModel published_model(const StudyModel& study);

/// Bytes of one expert in the dtype of the approach; none when it is unknown.
[[nodiscard]] std::optional<std::uint64_t> expert_bytes_of(const AnalyticModel& model, Approach approach);

/// Bytes of K, V and recurrent state of one sequence of `tokens`; none when the model's KV is unknown.
[[nodiscard]] std::optional<std::uint64_t> sequence_kv_bytes(const AnalyticModel& model,
                                                             std::uint64_t tokens);

/// Sequences of a batch that the GPU with most of them has.
[[nodiscard]] std::uint64_t sequences_of_gpu(const AnalyticModel& model, std::uint64_t batch);

/// Bytes of a step's activations for `batch` sequences.
[[nodiscard]] std::optional<std::uint64_t> activation_bytes(const AnalyticModel& model, std::uint64_t batch);

}  // namespace prophet::analytic
