#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/analytic/study/configurations.hpp"
#include "bench/headroom/answer.hpp"

namespace prophet {

/// The slabs that keep of every layer what the study's law says that a batch of tokens chooses
/// (analytic::unique_power_law), rounded up to whole experts.
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
