#include "bench/analytic/selection.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/analytic/embedded_data.hpp"
#include "bench/analytic/study/configurations.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_fields.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/names.hpp"

namespace prophet::analytic {
namespace {

constexpr double bytes_per_gb = 1e9;
/// Beyond any model.
constexpr double params_max = 1e15;

double study_gb_of(std::string_view profile_name) {
  for (std::size_t i = 0; i < study_gpus.size(); ++i) {
    if (profile_name == study_gpus[i]) return study_gpu_gb[i];
  }
  return 0;
}

std::vector<std::string> gpu_names(Catalogue catalogue) {
  if (catalogue == Catalogue::real) return gpu_profile_names();
  return {study_gpus.begin(), study_gpus.end()};
}

bool is_known_gpu(Catalogue catalogue, std::string_view name) {
  const std::vector<std::string> names = gpu_names(catalogue);
  if (std::find(names.begin(), names.end(), lower_case(name)) != names.end()) return true;
  std::error_code ignored;
  return catalogue == Catalogue::real && (looks_like_path(name) || std::filesystem::exists(name, ignored));
}

std::vector<PublishedCount> read_counts() {
  const EmbeddedFile& file = embedded_analytic_data()[1];
  const auto json = parse_json_object(file.contents, "published_counts.json", limits::config_json_bytes_max);
  std::vector<PublishedCount> counts;
  for (const JsonFields& entry : JsonFields(json, "published_counts.json").children("models"))
    counts.push_back({entry.text("name"), entry.number("params", 1, params_max), entry.text("source")});
  return counts;
}

}  // namespace

Catalogue parse_catalogue(std::string_view name) {
  if (name == "study") return Catalogue::study;
  if (name == "real") return Catalogue::real;
  throw Error(ErrorCode::usage, fmt::format("--catalogue '{}': expected study or real", name));
}

const char* catalogue_name(Catalogue catalogue) noexcept {
  return catalogue == Catalogue::study ? "study" : "real";
}

std::shared_ptr<const CatalogueModel> catalogue_model(Catalogue catalogue, std::string_view name) {
  auto model = std::make_shared<CatalogueModel>();
  if (catalogue == Catalogue::real) {
    model->shape = load_model(name);
    model->model = real_model(*model->shape);
    return model;
  }
  model->study = find_study_model(name);
  model->model = published_model(*model->study);
  return model;
}

AnalyticGpu catalogue_gpu(Catalogue catalogue, std::string_view name) {
  if (!is_known_gpu(catalogue, name)) {
    throw Error(ErrorCode::no_device,
                fmt::format("GPU '{}' is not {}; expected {}a name such as {}", name,
                            catalogue == Catalogue::study ? "one of the study's" : "known",
                            catalogue == Catalogue::study ? "" : "a path of a profile file or ",
                            fmt::join(near_names(name, gpu_names(catalogue)), ", ")));
  }
  AnalyticGpu gpu;
  gpu.profile = load_gpu_profile(name);
  gpu.memory_bytes = gpu.profile.memory_bytes;
  if (catalogue == Catalogue::real) return gpu;
  gpu.study_gb = study_gb_of(gpu.profile.name);
  gpu.memory_bytes = static_cast<std::uint64_t>(gpu.study_gb * bytes_per_gb);
  return gpu;
}

const std::vector<PublishedCount>& published_counts() {
  static const std::vector<PublishedCount> counts = read_counts();
  return counts;
}

const PublishedCount* find_published_count(std::string_view name) {
  const auto& counts = published_counts();
  const auto found = std::find_if(counts.begin(), counts.end(),
                                  [&](const PublishedCount& count) { return count.name == name; });
  return found == counts.end() ? nullptr : &*found;
}

}  // namespace prophet::analytic
