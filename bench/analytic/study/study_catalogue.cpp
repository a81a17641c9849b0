#include "bench/analytic/study/study_catalogue.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bench/analytic/embedded_data.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_fields.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/names.hpp"

namespace prophet::analytic {
namespace {

/// Beyond any figure of the catalogue.
constexpr double figure_max = 1e9;

struct FigureField {
  const char* name;
  StudyFigure StudyModel::*member;
};

constexpr std::array figure_fields{
    FigureField{"layers", &StudyModel::layers},
    FigureField{"hidden_size", &StudyModel::hidden_size},
    FigureField{"expert_mb", &StudyModel::expert_mb},
    FigureField{"total_params_billions", &StudyModel::total_params_billions},
    FigureField{"active_params_billions", &StudyModel::active_params_billions},
    FigureField{"context_tokens", &StudyModel::context_tokens},
    FigureField{"non_expert_gb", &StudyModel::non_expert_gb},
    FigureField{"activation_gb", &StudyModel::activation_gb},
};

Standing standing_of(const JsonFields& figure) {
  const std::string name = figure.text("standing");
  for (const Standing standing :
       {Standing::printed, Standing::recovered, Standing::architecture, Standing::unknown}) {
    if (name == standing_name(standing)) return standing;
  }
  figure.refuse("standing", "printed, recovered, architecture or unknown");
}

StudyFigure read_figure(const JsonFields& figure) {
  StudyFigure read{std::nullopt, standing_of(figure), figure.text("source")};
  if (read.standing != Standing::unknown) read.value = figure.number("value", 0, figure_max);
  return read;
}

StudyModel read_model(const JsonFields& entry) {
  StudyModel model;
  model.name = entry.text("name");
  model.label = entry.text("label");
  model.experts = entry.count("experts", 1, limits::experts_per_layer_max);
  model.top_k = entry.count("top_k", 1, model.experts);
  for (const FigureField& field : figure_fields) model.*field.member = read_figure(entry.child(field.name));
  return model;
}

std::vector<StudyModel> read_catalogue() {
  const EmbeddedFile& file = embedded_analytic_data().front();
  const auto json = parse_json_object(file.contents, "study_catalogue.json", limits::config_json_bytes_max);
  std::vector<StudyModel> models;
  for (const JsonFields& entry : JsonFields(json, "study_catalogue.json").children("models"))
    models.push_back(read_model(entry));
  return models;
}

}  // namespace

const char* standing_name(Standing standing) noexcept {
  switch (standing) {
    case Standing::printed:
      return "printed";
    case Standing::recovered:
      return "recovered";
    case Standing::architecture:
      return "architecture";
    case Standing::unknown:
      return "unknown";
  }
  return "";
}

const std::vector<StudyModel>& study_catalogue() {
  static const std::vector<StudyModel> models = read_catalogue();
  return models;
}

const StudyModel& find_study_model(std::string_view name) {
  const std::string wanted = lower_case(name);
  std::vector<std::string> names;
  for (const StudyModel& model : study_catalogue()) {
    if (model.name == wanted || lower_case(model.label) == wanted) return model;
    names.push_back(model.name);
  }
  throw Error(ErrorCode::usage, fmt::format("model '{}' is not in the study; expected a name such as {}",
                                            name, fmt::join(near_names(name, names), ", ")));
}

}  // namespace prophet::analytic
