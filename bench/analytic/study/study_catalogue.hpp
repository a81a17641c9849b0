#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prophet::analytic {

/// Where a figure of the study's catalogue comes from.
enum class Standing : std::uint8_t {
  printed,       ///< a document states it
  recovered,     ///< no document states it; other printed numbers imply it
  architecture,  ///< of the real model: the study used one, and printed none
  unknown,       ///< neither printed nor implied
};
[[nodiscard]] const char* standing_name(Standing standing) noexcept;

/// One number of the study, in the unit that its field names.
struct StudyFigure {
  std::optional<double> value;  ///< none when unknown
  Standing standing = Standing::unknown;
  std::string source;  ///< which document says so, or what implies it
};

/// A model as the study used it: what its numbers follow from, right or wrong. The architecture as it is
/// stands in runtime/model. MB and GB here are the study's, which mixes units: see study_reading.hpp.
struct StudyModel {
  std::string name;   ///< that of the same model in runtime/model
  std::string label;  ///< as the study writes it
  std::uint32_t experts = 0;
  std::uint32_t top_k = 0;
  StudyFigure layers;
  StudyFigure hidden_size;
  StudyFigure expert_mb;  ///< as its tables of memory use it, not always as its text prints it
  StudyFigure total_params_billions;
  StudyFigure active_params_billions;
  StudyFigure context_tokens;
  StudyFigure non_expert_gb;
  StudyFigure activation_gb;  ///< of one sequence
};

/// All 16, in the study's order. Read once from the program's own data.
[[nodiscard]] const std::vector<StudyModel>& study_catalogue();

/// By name or label, case aside. Throws Error{usage} for another one, with the nearest names.
[[nodiscard]] const StudyModel& find_study_model(std::string_view name);

}  // namespace prophet::analytic
