#include "runtime/model/gpu_profile_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_fields.hpp"
#include "runtime/model/json_text.hpp"

namespace prophet {
namespace {

constexpr std::string_view format_name = "prophet-gpu-profile";
constexpr std::uint32_t format_version = 1;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

bool is_name(std::string_view name) {
  for (const char c : name) {
    if (!is_name_character(c)) return false;
  }
  return !name.empty() && name.size() <= limits::profile_name_characters_max;
}

bool is_unknown(const GpuProfile& profile, const ProfileField& field) {
  return field.may_be_unknown && profile_value(profile, field) == 0;
}

bool is_whole(const ProfileField& field) {
  return std::holds_alternative<std::uint64_t GpuProfile::*>(field.member);
}

void set_value(GpuProfile& profile, const ProfileField& field, double value) {
  if (is_whole(field)) {
    profile.*std::get<std::uint64_t GpuProfile::*>(field.member) = static_cast<std::uint64_t>(value);
  } else {
    profile.*std::get<double GpuProfile::*>(field.member) = value;
  }
}

ProfileFigure read_figure(const JsonFields& file, const ProfileField& field) {
  ProfileFigure figure{std::string(field.name), 0, {}};
  const bool sourced = file.has_object(field.name);
  const auto holder = sourced ? file.child(field.name) : file;
  const auto value_field = sourced ? std::string_view("value") : field.name;
  figure.value = holder.number(value_field, field.min, field.max);
  if (is_whole(field) && figure.value != std::floor(figure.value))
    holder.refuse(value_field, "a whole number");
  if (sourced) figure.source = holder.text("source");
  return figure;
}

/// A number that older files lack, from those before it.
ProfileFigure figure_of_old_file(const GpuProfile& profile, const ProfileField& field) {
  ProfileFigure figure{std::string(field.name), 0, {}};
  if (field.name == "vector_flops_per_s") {
    figure.value = profile.flops_per_s / matrix_to_vector_rate;
    figure.source = fmt::format("not in the file: flops_per_s over {:g}", matrix_to_vector_rate);
    return figure;
  }
  if (field.may_be_unknown) {
    figure.source = "not in the file: not known";
    return figure;
  }
  figure.value = profile_value(with_host_figures(profile), field);
  figure.source = "not in the file: what a profile that says nothing of its host is taken to have";
  return figure;
}

std::string read_name(const JsonFields& file) {
  auto name = file.text("name");
  if (!is_name(name))
    file.refuse("name",
                fmt::format("1 to {} letters, digits, '-', '_' or '.'", limits::profile_name_characters_max));
  return name;
}

void check_writable(const GpuProfile& profile) {
  if (!is_name(profile.name)) {
    throw Error(
        ErrorCode::bad_input,
        fmt::format("profile: name of {} characters; expected 1 to {} letters, digits, '-', '_' or '.'",
                    profile.name.size(), limits::profile_name_characters_max));
  }
  for (const auto& field : profile_fields) {
    const auto value = profile_value(profile, field);
    if (is_unknown(profile, field) || (value >= field.min && value <= field.max)) continue;
    throw Error(ErrorCode::bad_input,
                fmt::format("profile '{}': field {} is {}; expected a number from {:g} to {:g}", profile.name,
                            field.name, value, field.min, field.max));
  }
}

}  // namespace

double profile_value(const GpuProfile& profile, const ProfileField& field) {
  if (!is_whole(field)) return profile.*std::get<double GpuProfile::*>(field.member);
  return static_cast<double>(profile.*std::get<std::uint64_t GpuProfile::*>(field.member));
}

GpuProfile with_host_figures(GpuProfile profile) {
  const auto set_unless_stated = [](double& figure, double value) {
    if (figure == 0) figure = value;
  };
  if (profile.host_cores == 0) profile.host_cores = host_cores_unless_stated;
  set_unless_stated(profile.host_memory_bytes_per_s, host_memory_to_link_rate * profile.link_bytes_per_s);
  set_unless_stated(profile.host_flops_per_s, host_flops_per_core * static_cast<double>(profile.host_cores));
  set_unless_stated(profile.zero_copy_bytes_per_s, zero_copy_share_of_link * profile.link_bytes_per_s);
  return profile;
}

ParsedProfile parse_profile_text(std::string_view json_text, std::string_view where) {
  const auto json = parse_json_object(json_text, where, limits::header_json_bytes_max);
  const JsonFields file(json, std::string(where));
  if (!file.is_text("format", format_name)) file.refuse("format", fmt::format("\"{}\"", format_name));
  static_cast<void>(file.count("version", format_version, format_version));
  ParsedProfile parsed;
  parsed.profile.name = read_name(file);
  parsed.profile.measured = file.flag_or("measured", false);
  for (const auto& field : profile_fields) {
    const bool is_missing = field.may_be_absent && !file.has(field.name);
    parsed.figures.push_back(is_missing ? figure_of_old_file(parsed.profile, field)
                                        : read_figure(file, field));
    set_value(parsed.profile, field, parsed.figures.back().value);
  }
  return parsed;
}

GpuProfile parse_gpu_profile(std::string_view json_text, std::string_view where) {
  return parse_profile_text(json_text, where).profile;
}

std::string gpu_profile_json(const GpuProfile& profile, const ProfileSources& sources) {
  check_writable(profile);
  nlohmann::ordered_json json;
  json["format"] = format_name;
  json["version"] = format_version;
  json["name"] = profile.name;
  json["measured"] = profile.measured;
  std::string usual = sources.all;
  if (usual.empty()) usual = profile.measured ? "measured by prophet calibrate" : "not stated";
  for (const auto& field : profile_fields) {
    if (is_unknown(profile, field)) continue;
    auto& figure = json[std::string(field.name)];
    if (is_whole(field)) {
      figure["value"] = profile.*std::get<std::uint64_t GpuProfile::*>(field.member);
    } else {
      figure["value"] = profile_value(profile, field);
    }
    const auto own = sources.of.find(std::string(field.name));
    figure["source"] = own == sources.of.end() ? usual : own->second;
  }
  return json.dump(2) + "\n";
}

}  // namespace prophet
