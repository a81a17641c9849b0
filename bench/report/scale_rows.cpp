#include "bench/report/scale_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bench/measure/table.hpp"

namespace prophet {
namespace {

using namespace analytic;
using Row = nlohmann::ordered_json;

template <typename Value>
Row or_null(const std::optional<Value>& value) {
  return value ? Row(*value) : Row();
}

const char* way_key(const ScaleWay& way) {
  switch (way.approach) {
    case Approach::int8:
      return "int8";
    case Approach::int4:
      return "int4";
    case Approach::prophet:
      return way.slab_fraction ? "cache" : "cache_by_law";
    default:
      return "keep_all";
  }
}

/// As a sentence has it: "cache 0.25".
std::string way_text(const ScaleWay& way) {
  if (way.slab_fraction) return fmt::format("cache {:g}", *way.slab_fraction);
  return way.approach == Approach::prophet ? "cache by law" : way_key(way);
}

void add_memory(Row& row, const MemoryParts& memory) {
  row["non_expert_bytes"] = or_null(memory.non_expert);
  row["expert_bytes"] = or_null(memory.experts);
  row["kv_bytes"] = or_null(memory.kv);
  row["activation_bytes"] = or_null(memory.activations);
  row["own_bytes"] = or_null(memory.own);
  row["total_bytes"] = or_null(memory.total());
}

void add_step(Row& row, const ScaleAnswer& answer) {
  row["hit_rate"] = answer.hit_rate;
  row["read_bytes"] = answer.step ? Row(answer.step->read_bytes) : Row();
  row["moved_bytes"] = answer.step ? Row(answer.step->moved_bytes) : Row();
  row["peer_bytes"] = answer.exchange ? Row(answer.exchange->bytes) : Row();
  row["overlapped_bound_ns"] = answer.timed ? Row(answer.step->overlapped_ns) : Row();
  row["serial_bound_ns"] = answer.timed ? Row(answer.step->serial_ns) : Row();
}

Row row_of(const ScaleAsked& asked, const ModelScaling& scaling, const ScaleAnswer& answer) {
  const bool found = answer.fits.value_or(false);
  Row row;
  row["catalogue"] = catalogue_name(asked.catalogue);
  row["model"] = scaling.model->model.name;
  row["gpu"] = asked.gpu.profile.name;
  row["memory_bytes"] = asked.gpu.memory_bytes;
  row["batch"] = asked.question.batch;
  row["context_tokens"] = asked.question.options.context_tokens;
  row["zipf"] = asked.question.options.zipf;
  row["way"] = way_key(answer.way);
  row["slab_fraction"] = or_null(answer.way.slab_fraction);
  row["experts_of_layer"] = answer.experts_of_layer;
  row["fits"] = or_null(answer.fits);
  row["least_gpus"] = found ? Row(answer.division.gpus) : Row();
  row["experts_gpus"] = or_null(answer.experts_gpus);
  row["gpus"] = answer.division.gpus;
  row["parallel"] = answer.division.gpus == 1 ? Row() : Row(parallel_name(answer.division.parallel));
  row["passed_over"] = fmt::format("{}", fmt::join(answer.passed_over, " "));
  add_memory(row, answer.memory);
  row["gpu_kv_tokens"] = or_null(answer.gpu_kv_tokens);
  row["node_kv_tokens"] = or_null(answer.node_kv_tokens);
  add_step(row, answer);
  row["enabled_from_gpus"] = or_null(answer.enabled_from);
  row["enabled_to_gpus"] = or_null(answer.enabled_to);
  return row;
}

using measure::to_giga;
constexpr double to_ms = 1e-6;
constexpr std::array columns = {
    measure::Column{"way", "", "way", 1, 0, 12, true},
    measure::Column{"experts_of_layer", "experts", "of layer", 1, 0, 8},
    measure::Column{"least_text", "fewest", "GPUs", 1, 0, 7, true},
    measure::Column{"parallel", "", "parallel", 1, 0, 8, true},
    measure::Column{"non_expert_bytes", "non-exp.", "GB", to_giga, 2, 8},
    measure::Column{"expert_bytes", "experts", "GB", to_giga, 2, 8},
    measure::Column{"kv_bytes", "KV", "GB", to_giga, 2, 7},
    measure::Column{"activation_bytes", "activ.", "GB", to_giga, 2, 6},
    measure::Column{"own_bytes", "own", "GB", to_giga, 2, 6},
    measure::Column{"total_bytes", "= a GPU", "GB", to_giga, 2, 8},
    measure::Column{"gpu_kv_tokens", "KV tokens", "a GPU", 1, 0, 10},
    measure::Column{"node_kv_tokens", "KV tokens", "node", 1, 0, 10},
    measure::Column{"hit_rate", "hit", "rate", 1, 4, 6},
    measure::Column{"moved_bytes", "a step", "moves GB", to_giga, 3, 8},
    measure::Column{"overlapped_bound_ns", "bound, ms", "overlap.", to_ms, 3, 10},
    measure::Column{"serial_bound_ns", "bound, ms", "on demand", to_ms, 3, 10},
    measure::Column{"enabled_text", "cached, where", "not all fit", 1, 0, 13, true},
};

std::string least_text(const ScaleAsked& asked, const ScaleAnswer& answer) {
  if (!answer.fits) return answer.experts_gpus ? fmt::format(">= {}", *answer.experts_gpus) : "unknown";
  return *answer.fits ? std::to_string(answer.division.gpus) : fmt::format("> {}", asked.question.gpus_max);
}

/// "2-4 7": runs of neighbours with a dash.
std::string runs_text(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += " ";
    text += last == i ? std::to_string(numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return text;
}

std::string enabled_text(const ScaleAnswer& answer) {
  if (answer.way.approach != Approach::prophet || !answer.fits) return "-";
  if (!answer.enabled_from) return "on none";
  return *answer.enabled_from == *answer.enabled_to
             ? fmt::format("on {}", *answer.enabled_from)
             : fmt::format("on {} to {}", *answer.enabled_from, *answer.enabled_to);
}

std::string heads_text(const CatalogueModel& model) {
  if (!model.shape) return "";
  const std::uint32_t kv_heads = kv_heads_of(*model.shape);
  if (kv_heads == 0) return fmt::format(", {} query heads", model.shape->heads);
  return fmt::format(", {} query and {} KV heads", model.shape->heads, kv_heads);
}

std::string model_line(const CatalogueModel& model) {
  return fmt::format("{}, {}: {} MoE layers x {} experts, top-{}{}\n", model.model.name,
                     model.study ? "as the study has it" : "as it is",
                     model.model.moe_layers ? std::to_string(*model.model.moe_layers) : "unknown",
                     model.model.experts, model.model.top_k, heads_text(model));
}

/// What the line of a way leaves out.
std::string note_of(const ScaleAsked& asked, const ScaleAnswer& answer) {
  const std::string way = way_text(answer.way);
  const std::string passed = runs_text(answer.passed_over);
  if (!answer.fits) return "";
  if (!*answer.fits) {
    return fmt::format("{}: no number up to {} fits{}; the figures are of {}\n", way, asked.question.gpus_max,
                       passed.empty() ? "" : fmt::format(", and {} cannot be used", passed),
                       answer.division.gpus);
  }
  if (passed.empty()) return "";
  return fmt::format("{}: {} GPUs, because {} cannot be used\n", way, answer.division.gpus, passed);
}

std::string notes(const ScaleAsked& asked, const ModelScaling& scaling) {
  std::string text;
  for (const ScaleAnswer& answer : scaling.answers) text += note_of(asked, answer);
  const auto lacks = [](const ScaleAnswer& answer) { return !answer.fits; };
  if (std::any_of(scaling.answers.begin(), scaling.answers.end(), lacks))
    text +=
        "not known: the study prints no size of all parts; >= N is what the experts alone need, and the "
        "figures are of one GPU\n";
  const auto untimed = [](const ScaleAnswer& answer) { return answer.fits && !answer.timed; };
  if (std::any_of(scaling.answers.begin(), scaling.answers.end(), untimed)) {
    text += fmt::format("no bound: no rate of the exchange is known, as of more than {} GPUs\n", gpus_max);
  }
  return text;
}

std::string block(const ScaleAsked& asked, const ModelScaling& scaling) {
  Row rows = Row::array();
  for (const ScaleAnswer& answer : scaling.answers) {
    Row row = row_of(asked, scaling, answer);
    row["way"] = way_text(answer.way);
    row["least_text"] = least_text(asked, answer);
    row["enabled_text"] = enabled_text(answer);
    rows.push_back(row);
  }
  return model_line(*scaling.model) + measure::table_text(columns, rows) + notes(asked, scaling) + "\n";
}

std::string side_by_side(const ScaleAsked& asked, const std::vector<ModelScaling>& models) {
  std::string text = fmt::format("{:<18}", "fewest GPUs");
  for (const ScaleAnswer& answer : models.front().answers)
    text += fmt::format(" {:>12}", way_text(answer.way));
  text += "\n";
  for (const ModelScaling& scaling : models) {
    text += fmt::format("{:<18}", scaling.model->model.name);
    for (const ScaleAnswer& answer : scaling.answers)
      text += fmt::format(" {:>12}", least_text(asked, answer));
    text += "\n";
  }
  return text;
}

std::string preamble(const ScaleAsked& asked) {
  const ScaleQuestion& question = asked.question;
  return fmt::format(
      "1 to {} of {}, {:.3f} GB each, batch {}, {} tokens each, {} catalogue, {}\n"
      "1 GB is 10^9 bytes; a bound is what a step takes at least, not how long it takes\n\n",
      question.gpus_max, asked.gpu.profile.name, static_cast<double>(asked.gpu.memory_bytes) * to_giga,
      question.batch, question.options.context_tokens, catalogue_name(asked.catalogue),
      question.parallel ? fmt::format("{} parallel", parallel_name(*question.parallel))
                        : "tensor or expert parallel");
}

}  // namespace

Row scale_rows(const ScaleAsked& asked, const std::vector<ModelScaling>& models) {
  Row rows = Row::array();
  for (const ModelScaling& scaling : models) {
    for (const ScaleAnswer& answer : scaling.answers) rows.push_back(row_of(asked, scaling, answer));
  }
  return rows;
}

std::string scale_table(const ScaleAsked& asked, const std::vector<ModelScaling>& models) {
  std::string text = preamble(asked);
  for (const ModelScaling& scaling : models) text += block(asked, scaling);
  return models.size() == 1 ? text : text + side_by_side(asked, models);
}

}  // namespace prophet
