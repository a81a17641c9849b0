#pragma once

#include <cstdint>
#include <optional>

#include "bench/analytic/analytic_model.hpp"
#include "bench/analytic/approach.hpp"

/// Where a device's memory goes, in five parts, and how long a context or how large a batch it holds.
namespace prophet::analytic {

/// In bytes. A part is none where the catalogue does not know what it follows from.
struct MemoryParts {
  std::optional<std::uint64_t>
      non_expert;                        ///< attention, norms, routers, shared and dense layers, embeddings
  std::optional<std::uint64_t> experts;  ///< routed experts that stay, or the two layers' worth of an offload
  std::optional<std::uint64_t> kv;       ///< sequences * sequence_kv_bytes(context)
  std::optional<std::uint64_t> activations;  ///< of a step
  std::optional<std::uint64_t> own;  ///< Prophet's: predictor and staging slabs; 0 where all experts stay

  [[nodiscard]] std::optional<std::uint64_t> total() const;
};

/// Routed experts of one layer that an approach keeps on one GPU. Prophet and static_hot: the model's
/// cache_experts or the study's law, a whole number of them where the model says so; an offload: two layers'
/// worth of the law's, one that computes and one that arrives, over all layers, so that the result times
/// layers * expert bytes is what it takes.
[[nodiscard]] double resident_experts(const AnalyticModel& model, Approach approach, std::uint64_t batch);

/// REQUIRES: batch >= 1.
[[nodiscard]] MemoryParts memory_parts(const AnalyticModel& model, Approach approach, std::uint64_t batch,
                                       std::uint64_t context_tokens);

/// The longest context that each of `batch` sequences can have in `memory_bytes`, at most
/// limits::context_tokens_max; 0 when not one token fits, none when that is not known.
[[nodiscard]] std::optional<std::uint64_t> context_tokens_max(const AnalyticModel& model, Approach approach,
                                                              std::uint64_t batch,
                                                              std::uint64_t memory_bytes);

/// The most sequences of `context_tokens` in `memory_bytes`, at most analytic::batch_max; 0 when not one
/// fits. More of them also need more experts.
[[nodiscard]] std::optional<std::uint64_t> batch_size_max(const AnalyticModel& model, Approach approach,
                                                          std::uint64_t context_tokens,
                                                          std::uint64_t memory_bytes);
inline constexpr std::uint64_t batch_max = 1U << 20;

/// What fewer resident experts did to the context.
enum class ExtensionOutcome : std::uint8_t {
  ratio,          ///< both sides hold a token of each sequence
  enabled,        ///< only the cached side does
  neither,        ///< none does
  resident_only,  ///< only the all-resident side does: staging and predictor took more than was saved
  unknown,        ///< the catalogue does not say
};
[[nodiscard]] const char* extension_outcome_name(ExtensionOutcome outcome) noexcept;

struct ContextExtension {
  ExtensionOutcome outcome = ExtensionOutcome::unknown;
  std::optional<double> ratio;  ///< cached / all-resident tokens, only of ExtensionOutcome::ratio
};
[[nodiscard]] ContextExtension context_extension(std::optional<std::uint64_t> all_resident_tokens,
                                                 std::optional<std::uint64_t> cached_tokens);

}  // namespace prophet::analytic
