#include "bench/report/sensitivity_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace prophet {
namespace {

using namespace analytic;
using Row = nlohmann::ordered_json;

constexpr double ns_per_ms = 1e6;
constexpr std::array place_names = {"low", "middle", "high"};

template <typename Value>
Row or_null(const std::optional<Value>& value) {
  return value ? Row(*value) : Row(nullptr);
}

Row row_of(const std::string& model, const SensitivityAnswer& answer) {
  Row row;
  row["model"] = model;
  row["input"] = answer.input;
  for (std::size_t i = 0; i < answer.points.size(); ++i) {
    const std::string place = place_names[i];
    row[place + "_value"] = answer.points[i].value;
    row[place + "_context_tokens_max"] = or_null(answer.points[i].context_tokens_max);
    row[place + "_overlapped_ns"] = or_null(answer.points[i].overlapped_ns);
  }
  row["context_swing"] = or_null(answer.context_swing);
  row["step_swing"] = or_null(answer.step_swing);
  return row;
}

using SwingOf = std::optional<double> SensitivityAnswer::*;

std::string most(const ModelSensitivity& model, SwingOf swing) {
  const SensitivityAnswer* largest = nullptr;
  for (const SensitivityAnswer& answer : model.answers) {
    if (answer.*swing && (largest == nullptr || *(answer.*swing) > *(largest->*swing))) largest = &answer;
  }
  const bool is_known = model.answers.front().points.front().context_tokens_max.has_value();
  if (largest == nullptr) return is_known ? "no room for a token" : "unknown";
  if (*(largest->*swing) == 1) return "none";
  return fmt::format("{} ({:.3f})", largest->input, *(largest->*swing));
}

std::string context_text(const SensitivityPoint& point) {
  return point.context_tokens_max ? fmt::format("{}", *point.context_tokens_max) : "unknown";
}

std::string step_text(const SensitivityPoint& point) {
  return point.overlapped_ns ? fmt::format("{:.3f}", static_cast<double>(*point.overlapped_ns) / ns_per_ms)
                             : "unknown";
}

std::string answer_line(const std::string& model, const SensitivityAnswer& answer) {
  std::string text = fmt::format("{:<18} {:<18} ", model, answer.input);
  std::string values;
  for (const SensitivityPoint& point : answer.points)
    values += fmt::format("{}{:g}", values.empty() ? "" : ", ", point.value);
  text += fmt::format("{:<18}", values);
  for (const SensitivityPoint& point : answer.points) text += fmt::format(" {:>10}", context_text(point));
  for (const SensitivityPoint& point : answer.points) text += fmt::format(" {:>10}", step_text(point));
  return text + "\n";
}

}  // namespace

Row sensitivity_rows(const std::vector<ModelSensitivity>& models) {
  Row rows = Row::array();
  for (const ModelSensitivity& model : models) {
    for (const SensitivityAnswer& answer : model.answers) rows.push_back(row_of(model.model, answer));
  }
  return rows;
}

std::string sensitivity_table(const std::vector<ModelSensitivity>& models) {
  std::string text = fmt::format("{:<18} {:<18} {:<18} {:>32} {:>32}\n", "model", "input", "values",
                                 "longest context, tokens", "step if overlapped, ms");
  for (const ModelSensitivity& model : models) {
    for (const SensitivityAnswer& answer : model.answers) text += answer_line(model.model, answer);
  }
  text += fmt::format("\n{:<18} {:<28} {:<28}\n", "matters most to", "the context (most / least)",
                      "the step (most / least)");
  for (const ModelSensitivity& model : models) {
    text += fmt::format("{:<18} {:<28} {}\n", model.model, most(model, &SensitivityAnswer::context_swing),
                        most(model, &SensitivityAnswer::step_swing));
  }
  return text;
}

}  // namespace prophet
