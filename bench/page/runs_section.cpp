#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"
#include "bench/report/shell_text.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("result", "result"),
    shown_text("device", "device"),
    shown_text("standing", "figures are"),
    shown_text("model", "model"),
    shown_text("trace", "trace"),
    shown_count("seed", "seed"),
    shown_text("version", "version"),
    shown_text("commit", "commit"),
    Shown{"command", "command", "", 1, 0, ColumnKind::command},
};

bool is_simulated(const Result& result) {
  if (is_true_at(result.provenance(), "simulated")) return true;
  return std::any_of(result.rows().begin(), result.rows().end(), [](const Json& row) {
    return is_true_at(row, "simulated") || text_at(row, "device").starts_with("sim:");
  });
}

bool is_false_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && !found->get<bool>();
}

/// The one text at `key` of all rows, or how many there are.
std::string of_rows(const Result& result, const char* key, const char* things) {
  std::vector<std::string> texts;
  for (const Json& row : result.rows()) {
    const std::string text = text_at(row, key);
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }
  if (texts.size() <= 1) return texts.empty() ? "" : texts.front();
  return fmt::format("{} {}", texts.size(), things);
}

std::string first_of(const std::string& one, const std::string& other) {
  return one.empty() ? other : one;
}

std::string device_text(const Result& result) {
  const Json& provenance = result.provenance();
  std::string device = first_of(text_at(provenance, "device"), text_at(provenance, "gpu"));
  const std::string model = text_at(provenance, "device_model");
  if (!device.empty() && !model.empty()) device += ": " + model;
  if (result.is_ledger()) return device;  // its rows name what a claim is of, not what ran
  return first_of(device, first_of(of_rows(result, "device", "devices"), of_rows(result, "gpu", "GPUs")));
}

std::string model_text(const Result& result) {
  const Json& provenance = result.provenance();
  if (result.is_ledger()) return text_at(provenance, "model");
  const std::string model =
      first_of(text_at(provenance, "model"),
               first_of(of_rows(result, "model", "models"), text_at(provenance, "trace_model")));
  return is_true_at(provenance, "sizes_only") ? "sizes of " + model : model;
}

std::string trace_text(const Result& result) {
  const Json& provenance = result.provenance();
  const std::string trace = text_at(provenance, "trace");
  if (trace.empty()) return text_at(provenance, "text");
  return trace + (is_true_at(provenance, "trace_synthetic") ? ", SYNTHETIC" : "");
}

Json run_row(const Result& result) {
  const Json& provenance = result.provenance();
  Json row;
  row["result"] = result.name;
  row["device"] = device_text(result);
  row["standing"] = standing(result);
  row["model"] = model_text(result);
  row["trace"] = trace_text(result);
  row["seed"] = provenance.contains("seed") ? provenance.at("seed") : Json();
  row["version"] = text_at(provenance, "version");
  row["commit"] =
      text_at(provenance, "git_commit") + (is_true_at(provenance, "git_dirty") ? ", modified" : "");
  row["command"] = command_text(result.provenance().at("argv"));
  return row;
}

}  // namespace

std::string standing(const Result& result) {
  const Json& provenance = result.provenance();
  if (result.is_ledger()) return "as each claim says";
  if (is_false_at(provenance, "measured")) return "arithmetic, nothing measured";
  if (is_false_at(provenance, "times_mean_something"))
    return text_at(provenance, "device_kind") == "cuda-on-cpu" ? "counts only: CUDA sources on the CPU"
                                                               : "counts only: no times";
  if (is_simulated(result)) return "SIMULATED";
  if (!text_at(provenance, "device").empty()) return "measured on the device";
  return "counted: no times";
}

std::string command_text(const Json& argv) {
  auto words = argv.get<std::vector<std::string>>();
  if (!words.empty()) words.front() = std::filesystem::path(words.front()).filename().string();
  return shell_text(words);
}

Section runs_section(std::span<const Result> results) {
  Json rows = Json::array();
  for (const Result& result : results) rows.push_back(run_row(result));
  Section section{"What was run", {}};
  section.blocks.emplace_back(shown_table("Results of this page", columns, rows));
  return section;
}

}  // namespace prophet::page
