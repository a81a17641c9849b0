#include "bench/report/recommend_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace prophet {
namespace {

using namespace analytic;
using Row = nlohmann::ordered_json;

constexpr double gigabyte = 1e9;
constexpr double ns_per_ms = 1e6;

double gb(std::uint64_t bytes) {
  return static_cast<double>(bytes) / gigabyte;
}

Row row_of(const WayAnswer& answer) {
  Row row;
  row["way"] = way_name(answer.way);
  row["fits"] = answer.fits;
  row["total_bytes"] = answer.total_bytes;
  row["gpus"] = answer.gpus;
  row["experts_of_layer"] = answer.experts_of_layer;
  row["hit_rate"] = answer.hit_rate;
  row["moved_bytes"] = answer.step ? Row(answer.step->moved_bytes) : Row();
  row["overlapped_ns"] = answer.step ? Row(answer.step->overlapped_ns) : Row();
  row["serial_ns"] = answer.step ? Row(answer.step->serial_ns) : Row();
  row["slow_down"] = answer.slow_down ? Row(*answer.slow_down) : Row();
  return row;
}

std::string way_line(const WayAnswer& answer) {
  const std::string name =
      answer.way == Way::several_gpus ? fmt::format("{} GPUs", answer.gpus) : way_name(answer.way);
  std::string text = fmt::format("{:<10} {:<5} {:>10.3f} {:>9.0f} {:>9.4f}", name, answer.fits ? "yes" : "no",
                                 gb(answer.total_bytes), answer.experts_of_layer, answer.hit_rate);
  if (!answer.step) return text + fmt::format(" {:>10} {:>12} {:>12} {:>10}\n", "-", "-", "-", "-");
  const StepTime& step = *answer.step;
  return text + fmt::format(" {:>10.3f} {:>12.3f} {:>12.3f} {:>10.2f}\n", gb(step.moved_bytes),
                            static_cast<double>(step.overlapped_ns) / ns_per_ms,
                            static_cast<double>(step.serial_ns) / ns_per_ms, *answer.slow_down);
}

std::string cache_text(const WayAnswer& cache) {
  return fmt::format(
      "a cache of {:.0f} experts of each layer hits {:.1f} %, moves {:.3f} GB a step and takes "
      "{:.2f} times as long at best",
      cache.experts_of_layer, 100 * cache.hit_rate, gb(cache.step->moved_bytes), *cache.slow_down);
}

std::string chosen_text(const RecommendQuestion& question, const Recommendation& result) {
  const WayAnswer& answer = result.of(*result.chosen);
  switch (answer.way) {
    case Way::keep_all:
      return "keep all experts: there is room, and nothing on one GPU with the same results is faster";
    case Way::cache:
      return *answer.slow_down <= question.slow_down_max
                 ? fmt::format("cache with forecast: {}", cache_text(answer))
                 : fmt::format("cache with forecast, slow as it is: {}, and nothing quicker fits",
                               cache_text(answer));
    case Way::int8:
    case Way::int4:
      return fmt::format("quantise to {}: {:.3f} GB fit, while {}", way_name(answer.way),
                         gb(answer.total_bytes), cache_text(result.of(Way::cache)));
    case Way::several_gpus:
      return fmt::format("divide over {} GPUs: {:.3f} GB on each, while {}", answer.gpus,
                         gb(answer.total_bytes), cache_text(result.of(Way::cache)));
    case Way::offload:
      return fmt::format(
          "offload all experts: not even top-k of each layer fit beside the rest; a step takes "
          "{:.2f} times as long at best",
          *answer.slow_down);
  }
  return "";
}

}  // namespace

Row recommend_rows(const Recommendation& result) {
  Row rows = Row::array();
  for (const WayAnswer& answer : result.answers) rows.push_back(row_of(answer));
  return rows;
}

std::string recommend_reason(const AnalyticGpu& gpu, const RecommendQuestion& question,
                             const Recommendation& result) {
  const double all = gb(result.of(Way::keep_all).total_bytes);
  const double memory = gb(gpu.memory_bytes);
  if (result.chosen)
    return fmt::format("of {:.3f} GB in all, {:.3f} GB of memory: {}", all, memory,
                       chosen_text(question, result));
  return fmt::format(
      "none of these fits: {:.3f} GB in all, {:.3f} GB of memory, {:.3f} GB on each of {} GPUs and {:.3f} GB "
      "with no expert resident",
      all, memory, gb(result.of(Way::several_gpus).total_bytes), gpus_max,
      gb(result.of(Way::offload).total_bytes));
}

std::string recommend_table(const AnalyticModel& model, const AnalyticGpu& gpu,
                            const RecommendQuestion& question, const Recommendation& result) {
  std::string text =
      fmt::format("{} on {}, batch {}, {} tokens each; arithmetic, nothing was measured\n\n", model.name,
                  gpu.profile.name, question.batch, question.options.context_tokens);
  text += fmt::format("{:<10} {:<5} {:>10} {:>9} {:>9} {:>10} {:>12} {:>12} {:>10}\n", "", "", "on a GPU",
                      "experts", "hit", "a step", "overlapped", "on demand", "times");
  text += fmt::format("{:<10} {:<5} {:>10} {:>9} {:>9} {:>10} {:>12} {:>12} {:>10}\n", "way", "fits", "GB",
                      "of layer", "rate", "moves GB", "ms", "ms", "keep_all");
  for (const WayAnswer& answer : result.answers) text += way_line(answer);
  return text + "\n" + recommend_reason(gpu, question, result) + "\n";
}

}  // namespace prophet
