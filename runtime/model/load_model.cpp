#include "runtime/model/load_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/catalogue.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/names.hpp"

namespace prophet {
namespace {

namespace fs = std::filesystem;

/// A config.json is called by its folder, any other file by itself.
std::string name_of(const fs::path& file) {
  std::error_code ignored;
  const auto whole = fs::absolute(file, ignored).lexically_normal();
  const auto folder = whole.parent_path().filename().string();
  return file.filename() == "config.json" && !folder.empty() ? folder : file.stem().string();
}

ModelShape load_config(const fs::path& file) {
  auto shape = parse_hf_config(read_text_file(file, limits::config_json_bytes_max), file.string());
  if (shape.name.empty()) shape.name = name_of(file);
  return shape;
}

[[noreturn]] void refuse_name(std::string_view name) {
  throw Error(ErrorCode::usage,
              fmt::format("model '{}' is not known; expected a path of a config.json or a name such as {}",
                          name, fmt::join(near_names(name, catalogue_names()), ", ")));
}

}  // namespace

ModelShape load_model(std::string_view name_or_path) {
  if (auto found = find_in_catalogue(name_or_path)) return *std::move(found);
  const fs::path path{std::string(name_or_path)};
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return load_config(path / "config.json");
  if (fs::exists(path, ignored) || looks_like_path(name_or_path)) return load_config(path);
  refuse_name(name_or_path);
}

}  // namespace prophet
