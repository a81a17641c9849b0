#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/headroom/answer.hpp"

namespace prophet {

/// The configurations of the published study: 16 models, 4 GPUs, 6 batches, in its order.
inline constexpr std::array<const char*, 16> study_models = {"mixtral-8x7b",
                                                             "mixtral-8x22b",
                                                             "deepseek-moe-16b",
                                                             "deepseek-v2",
                                                             "deepseek-v3",
                                                             "dbrx",
                                                             "grok-1",
                                                             "arctic",
                                                             "switch-base-128",
                                                             "switch-large-128",
                                                             "switch-xxl-128",
                                                             "jamba-1.5-large",
                                                             "qwen1.5-moe-a2.7b",
                                                             "qwen2-57b-a14b",
                                                             "qwen3-235b-a22b",
                                                             "olmoe-1b-7b"};
inline constexpr std::array<const char*, 4> study_gpus = {"v100-32gb", "a100-40gb", "a100-80gb", "h100-80gb"};
inline constexpr std::array<std::uint32_t, 6> study_batches = {1, 4, 8, 16, 32, 64};

/// The study's law for the distinct experts of a layer that a batch of tokens chooses, min(E, k * B^0.932),
/// whose exponent it fitted and which no routing obeys at every size.
[[nodiscard]] double study_unique_experts(const ExpertGrid& grid, std::uint32_t top_k, std::uint32_t batch);

/// The slabs that keep so many of every layer, rounded up to whole experts.
[[nodiscard]] std::uint32_t study_slabs(const ExpertGrid& grid, std::uint32_t top_k, std::uint32_t batch);

/// One cell of the grid and the all-resident one beside it.
struct StudyCell {
  std::string gpu;
  HeadroomCell all_resident;
  HeadroomCell cached;
};

/// How many slabs a cell keeps.
using SlabsOf = std::function<std::uint32_t(const ModelShape& model, std::uint32_t batch)>;

/// All 384 cells on sim devices of the profiles' capacity, model by model, GPU by GPU, batch by batch. Pages
/// are allocated and counted, not written. `expert_dtype` and `kv_dtype` of `options` are used where they are
/// given, else experts are as shipped; a latent cache is bf16 whatever is given.
[[nodiscard]] std::vector<StudyCell> run_study_grid(const QuestionOptions& options, bool experts_as_shipped,
                                                    const SlabsOf& slabs_of);

}  // namespace prophet
