#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "bench/report/analyze_rows.hpp"

namespace prophet {
namespace {

using namespace analytic;

constexpr double gigabyte = 1e9;
constexpr double megabyte = 1e6;
constexpr double ns_per_ms = 1e6;
constexpr int name_width = 30;

using TextOf = std::function<std::string(const ApproachAnswer&)>;

std::string line(std::string_view name, const AnalyticCell& cell, const TextOf& text_of) {
  std::string text = fmt::format("{:<{}}", name, name_width);
  for (const ApproachAnswer& answer : cell.answers) text += fmt::format(" {:>12}", text_of(answer));
  return text + "\n";
}

std::string gb(std::optional<std::uint64_t> bytes) {
  return bytes ? fmt::format("{:.3f}", static_cast<double>(*bytes) / gigabyte) : "unknown";
}

std::string count(std::optional<std::uint64_t> value) {
  return value ? fmt::format("{}", *value) : "unknown";
}

using PartOf = std::optional<std::uint64_t> MemoryParts::*;

std::string part_line(std::string_view name, const AnalyticCell& cell, PartOf part) {
  return line(name, cell, [&](const ApproachAnswer& answer) { return gb(answer.memory.*part); });
}

std::string step_line(std::string_view name, const AnalyticCell& cell, std::uint64_t StepTime::*member,
                      double unit) {
  return line(name, cell, [&](const ApproachAnswer& answer) {
    return answer.step ? fmt::format("{:.3f}", static_cast<double>((*answer.step).*member) / unit)
                       : std::string("unknown");
  });
}

std::string approach_lines(const AnalyticCell& cell) {
  std::string text =
      line("", cell, [](const ApproachAnswer& answer) { return approach_name(answer.approach); });
  text += part_line("non-expert, GB", cell, &MemoryParts::non_expert);
  text += part_line("experts, GB", cell, &MemoryParts::experts);
  text += part_line("KV, GB", cell, &MemoryParts::kv);
  text += part_line("activations, GB", cell, &MemoryParts::activations);
  text += part_line("Prophet's own, GB", cell, &MemoryParts::own);
  text += line("= total, GB", cell, [](const ApproachAnswer& answer) { return gb(answer.memory.total()); });
  text += line("fits", cell, [&](const ApproachAnswer& answer) {
    const auto fits = answer.fits(cell.memory_bytes);
    return fits ? (*fits ? "yes" : "no") : "unknown";
  });
  text += line("longest context, tokens", cell,
               [](const ApproachAnswer& answer) { return count(answer.context_tokens_max); });
  text += line("largest batch, sequences", cell,
               [](const ApproachAnswer& answer) { return count(answer.batch_size_max); });
  text += line("hit rate", cell,
               [](const ApproachAnswer& answer) { return fmt::format("{:.4f}", answer.hit_rate); });
  text += step_line("a step reads, GB", cell, &StepTime::read_bytes, gigabyte);
  text += step_line("a step moves, GB", cell, &StepTime::moved_bytes, gigabyte);
  if (!cell.exchange_ns()) return text;
  text += step_line("step if overlapped, ms", cell, &StepTime::overlapped_ns, ns_per_ms);
  return text + step_line("step if on demand, ms", cell, &StepTime::serial_ns, ns_per_ms);
}

/// Nothing of one GPU.
std::string exchange_line(const AnalyticCell& cell) {
  if (cell.options.division.gpus == 1) return "";
  const std::string sent =
      cell.exchange ? fmt::format("{:.3f}", static_cast<double>(cell.exchange->bytes) / megabyte) : "unknown";
  const std::string text = fmt::format("{:<{}} {:>12}", "a GPU sends to others, MB", name_width, sent);
  if (!cell.exchange_ns()) return text + "; how long that and a step take is not known\n";
  return text + fmt::format(" in {:.3f} ms of each step, during which no GPU computes\n",
                            static_cast<double>(*cell.exchange_ns()) / ns_per_ms);
}

std::string sharing_line(std::string_view name, double unique, const Sharing& sharing) {
  return fmt::format("{:<{}} {:>12.4f} {:>11.3f}% {:>12.4f} {:>12.4f}\n", name, name_width, unique,
                     100 * sharing.savings, sharing.sparsity, sharing.reuse);
}

std::string demand_lines(const AnalyticCell& cell) {
  const ExpertDemand& demand = cell.demand;
  std::string text = fmt::format("\n{:<{}} {:>12} {:>12} {:>12} {:>12}\n", "experts of a layer in one step",
                                 name_width, "distinct U", "1 - U/E", "E/U", "k*B/U");
  text += sharing_line("by the study's power law", demand.unique_power_law, demand.by_power_law);
  text += sharing_line("uniform, exact", demand.unique_uniform, demand.by_uniform);
  if (cell.options.zipf != 0) {
    text += sharing_line(
        fmt::format("Zipf exponent {}", cell.options.zipf), demand.unique_popular,
        sharing(cell.model->model.experts, cell.model->model.top_k, cell.batch, demand.unique_popular));
  }
  return text +
         fmt::format("the power law asks for all experts from batch {:.1f} on\n", demand.saturation_batch);
}

std::string extension_text(const ContextExtension& extension) {
  if (extension.ratio) return fmt::format("{:.3f}", *extension.ratio);
  return extension_outcome_name(extension.outcome);
}

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "undetermined";
}

std::string study_lines(const AnalyticCell& cell) {
  if (cell.options.division.gpus != 1)
    return "the study prints no number of GPUs, so nothing of this is as it computed it\n";
  if (!cell.study) return "";
  const StudyReading& study = *cell.study;
  return fmt::format(
      "as the study computed it: experts {} GB and {} GB (of 1024 MB), contexts {} and {} tokens, extension "
      "{}\n",
      number(study.expert_buffer_gb), number(study.prophet_expert_gb), number(study.baseline_tokens),
      number(study.prophet_tokens), number(study.extension));
}

std::string figure_line(const char* name, const StudyFigure& figure) {
  return fmt::format("  {:<22} {:>10} {:<12} {}\n", name,
                     figure.value ? fmt::format("{:g}", *figure.value) : "-", standing_name(figure.standing),
                     figure.source);
}

std::string study_figures(const StudyModel& study) {
  return figure_line("layers", study.layers) + figure_line("hidden size", study.hidden_size) +
         figure_line("expert, MB", study.expert_mb) +
         figure_line("parameters, billions", study.total_params_billions) +
         figure_line("active, billions", study.active_params_billions) +
         figure_line("non-expert, GB", study.non_expert_gb) +
         figure_line("activations, GB each", study.activation_gb);
}

std::string params_line(const AnalyticModel& model) {
  const PublishedCount* const published = find_published_count(model.name);
  std::string text = fmt::format("params  {:.0f}, of which {:.0f} are active in a token", *model.total_params,
                                 *model.active_params);
  if (published != nullptr) {
    text += fmt::format("; {:+.3f} % of the published {:.0f} ({})",
                        100 * (*model.total_params / published->params - 1), published->params,
                        published->source);
  }
  return text + "\n";
}

std::string division_line(const Division& division) {
  if (division.gpus == 1) return "";
  return fmt::format("GPUs    {} of it, {} parallel; bytes are of each of them, batches of all together\n",
                     division.gpus, parallel_name(division.parallel));
}

std::string preamble(const AnalyticCell& cell, Catalogue catalogue) {
  const AnalyticModel& model = cell.model->model;
  std::string text = fmt::format("model   {}, {}: {} MoE layers x {} experts, top-{}\n", model.label,
                                 catalogue == Catalogue::study ? "as the study has it" : "as it is",
                                 model.moe_layers ? std::to_string(*model.moe_layers) : "unknown",
                                 model.experts, model.top_k);
  text += cell.model->study ? study_figures(*cell.model->study) : params_line(model);
  text += fmt::format("device  {}: {:.3f} GB; 1 GB is 10^9 bytes throughout\n", cell.gpu,
                      static_cast<double>(cell.memory_bytes) / gigabyte);
  text += division_line(cell.options.division);
  return text + fmt::format("batch   {} with {} tokens of context each\n\n", cell.batch,
                            cell.options.context_tokens);
}

std::string grid_entry(const AnalyticCell& cell) {
  return extension_text(cell.extension);
}

std::string count_text(const nlohmann::ordered_json& summary) {
  std::string text =
      fmt::format("{} cells: {} ratio", summary["cells"].get<int>(), summary["ratio"].get<int>());
  if (!summary["ratio_mean"].is_null()) {
    text += fmt::format(" (mean {:.3f}, largest {:.3f})", summary["ratio_mean"].get<double>(),
                        summary["ratio_max"].get<double>());
  }
  for (const char* outcome : {"enabled", "neither", "resident only", "unknown"}) {
    if (summary[outcome].get<int>() != 0)
      text += fmt::format(", {} {}", summary[outcome].get<int>(), outcome);
  }
  return text + "\n";
}

}  // namespace

std::string analyze_table(const AnalyticCell& cell, Catalogue catalogue) {
  return preamble(cell, catalogue) + approach_lines(cell) + exchange_line(cell) + demand_lines(cell) +
         fmt::format("extension of the context by Prophet: {}\n", extension_text(cell.extension)) +
         (catalogue == Catalogue::study ? study_lines(cell) : "");
}

std::string analyze_grid_table(const std::vector<AnalyticCell>& cells,
                               const std::vector<std::uint32_t>& batches, Catalogue catalogue) {
  std::string text =
      fmt::format("longest context with Prophet as a multiple of all-resident, {} catalogue\n{}{:<18} {:<10}",
                  catalogue_name(catalogue), division_line(cells.front().options.division), "model", "GPU");
  for (const std::uint32_t batch : batches) text += fmt::format(" {:>13}", fmt::format("batch {}", batch));
  text += "\n";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i % batches.size() == 0)
      text += fmt::format("{:<18} {:<10}", cells[i].model->model.name, cells[i].gpu);
    text += fmt::format(" {:>13}", grid_entry(cells[i]));
    if ((i + 1) % batches.size() == 0) text += "\n";
  }
  return text + "\n" + count_text(analyze_summary(cells));
}

}  // namespace prophet
