#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/headroom/answer.hpp"

namespace prophet {

/// What `prophet headroom` was asked for.
struct HeadroomSetup {
  std::string model;
  std::string device = "cpu";
  std::uint64_t memory_mib = 0;  ///< 0: what the device has
  std::vector<double> slab_fractions;
  std::vector<std::uint32_t> slabs;
  std::optional<std::uint32_t> staging_slabs;
  std::uint32_t batch = 1;
  std::uint32_t context_tokens = 0;  ///< of each sequence; 0: as many as there is room for
  std::optional<std::uint32_t> page_tokens;
  std::string kv_dtype = "bf16";
  std::string expert_dtype;  ///< empty: as shipped
  std::uint32_t step_tokens = 512;
  std::uint64_t seed = 1;
  bool grid = false;
  std::string json_path;
  std::string csv_path;
};

void add_headroom_options(CLI::App& command, HeadroomSetup& setup);

/// Throws Error{usage} for what is out of range whatever the model, and for options that do not go together.
void check_headroom_setup(const HeadroomSetup& setup);

/// What the questions about a model have in common.
[[nodiscard]] QuestionOptions question_options(const HeadroomSetup& setup, const ModelShape& model);

/// All-resident first, then each budget as it was asked for. Throws as make_question.
[[nodiscard]] std::vector<HeadroomQuestion> headroom_questions(const HeadroomSetup& setup,
                                                               const ModelShape& model);

}  // namespace prophet
