#include "runtime/model/gpu_profile.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/embedded_data.hpp"
#include "runtime/model/gpu_profile_file.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/names.hpp"

namespace prophet {
namespace {

namespace fs = std::filesystem;

std::span<const EmbeddedFile> shipped_profiles() {
  return embedded_model_data().subspan(1);
}

ParsedProfile load(std::string_view name_or_path) {
  const auto wanted = lower_case(name_or_path);
  for (const auto& file : shipped_profiles()) {
    if (file.name == wanted) return parse_profile_text(file.contents, file.name);
  }
  const fs::path path{std::string(name_or_path)};
  std::error_code ignored;
  if (fs::exists(path, ignored) || looks_like_path(name_or_path)) {
    return parse_profile_text(read_text_file(path, limits::header_json_bytes_max), name_or_path);
  }
  throw Error(ErrorCode::no_device,
              fmt::format("GPU profile '{}' is not known; expected a path of a profile file or one of {}",
                          name_or_path, fmt::join(gpu_profile_names(), ", ")));
}

}  // namespace

std::vector<std::string> gpu_profile_names() {
  std::vector<std::string> names;
  for (const auto& file : shipped_profiles()) names.emplace_back(file.name);
  return names;
}

GpuProfile load_gpu_profile(std::string_view name_or_path) {
  return load(name_or_path).profile;
}

std::vector<ProfileFigure> gpu_profile_figures(std::string_view name_or_path) {
  return load(name_or_path).figures;
}

}  // namespace prophet
