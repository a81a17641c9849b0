#include "bench/commands/trace_info.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "bench/report/provenance.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

constexpr int schema_version = 1;

struct FlagName {
  std::uint32_t flag;
  const char* name;
};

constexpr std::array flag_names{
    FlagName{sequence_flags::finished, "finished"}, FlagName{sequence_flags::repetitive, "repetitive"},
    FlagName{sequence_flags::batched_step, "batched_step"}, FlagName{sequence_flags::duplicate, "duplicate"}};

std::uint64_t count_flagged(const RoutingTrace& trace, std::uint32_t flag) {
  std::uint64_t count = 0;
  for (const SequenceInfo& sequence : trace.sequences()) count += (sequence.flags & flag) != 0 ? 1 : 0;
  return count;
}

std::uint64_t prefill_tokens(const RoutingTrace& trace) {
  std::uint64_t tokens = 0;
  for (const SequenceInfo& sequence : trace.sequences()) tokens += sequence.prefill_tokens;
  return tokens;
}

/// Lines of the form "name    value".
class Lines {
 public:
  template <class... Args>
  void add(std::string_view name, fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), "{:<12}", name);
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_.push_back('\n');
  }
  void add_text(std::string_view name, std::string_view value) {
    if (!value.empty()) add(name, "{}", value);
  }
  void gap() { text_.push_back('\n'); }
  [[nodiscard]] std::string take() { return fmt::to_string(text_); }

 private:
  fmt::memory_buffer text_;
};

std::string flags_text(const RoutingTrace& trace) {
  std::string text;
  for (const auto& [flag, name] : flag_names) {
    const std::uint64_t count = count_flagged(trace, flag);
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  }
  return text;
}

void add_provenance(Lines& lines, const TraceInfo& info) {
  const TraceProvenance& provenance = info.trace.provenance();
  lines.add("trace", "{}", info.file.string());
  if (provenance.synthetic) lines.add("SYNTHETIC", "drawn from a model, never recorded");
  lines.add_text("model", provenance.model);
  lines.add_text("source", provenance.source);
  lines.add_text("licence", provenance.licence);
  lines.add_text("note", provenance.note);
}

void add_shape(Lines& lines, const RoutingTrace& trace) {
  const TraceShape& shape = trace.shape();
  lines.add("shape", "{} layers, top-{} of {} experts{}", shape.grid.layers, shape.top_k, shape.grid.experts,
            trace.has_weights() ? ", with router weights" : "");
  if (shape.first_layer_id != 0 || shape.layer_stride != 1) {
    lines.add("layer ids", "{} + {} x column", shape.first_layer_id, shape.layer_stride);
  }
  const std::string flags = flags_text(trace);
  lines.add("sequences", "{}{}{}{}", trace.sequences().size(), flags.empty() ? "" : " (", flags,
            flags.empty() ? "" : ")");
  lines.add("tokens", "{}, of which {} prefill", trace.tokens(), prefill_tokens(trace));
}

void add_locality(Lines& lines, const TraceInfo& info) {
  const TraceStatistics& statistics = info.statistics;
  lines.add("measured on", "{} sequences, {} tokens ({} sequences skipped by flags {})", statistics.sequences,
            statistics.tokens, statistics.skipped_sequences, info.options.skip_flags);
  lines.gap();
  lines.add("batch", "{:>14}  {:>7}", "unique experts", "uniform");
  for (const UniqueExperts& unique : statistics.unique_experts) {
    lines.add(fmt::format("{:>5}", unique.batch), "{:>14}  {:>7.1f}",
              unique.measured ? fmt::format("{:.1f}", *unique.measured) : "-", unique.uniform);
  }
  lines.gap();
  lines.add("hottest", "{:>14}  {:>7}", "of requests", "uniform");
  for (const HottestShare& hottest : statistics.hottest) {
    lines.add(fmt::format("{:>4.0f} %", 100 * hottest.fraction), "{:>12.1f} %  {:>5.1f} %",
              100 * hottest.share, 100 * hottest.fraction);
  }
  lines.gap();
  lines.add("repeated", "{:>14}  {:>7.3f} by chance (share of a token's experts that the token before had)",
            statistics.repeat_share ? fmt::format("{:.3f}", *statistics.repeat_share) : "-",
            statistics.repeat_by_chance);
}

nlohmann::ordered_json optional_number(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json locality_json(const TraceInfo& info) {
  const TraceStatistics& statistics = info.statistics;
  nlohmann::ordered_json unique = nlohmann::ordered_json::array();
  for (const UniqueExperts& at : statistics.unique_experts) {
    unique.push_back(
        {{"batch", at.batch}, {"measured", optional_number(at.measured)}, {"uniform", at.uniform}});
  }
  nlohmann::ordered_json hottest = nlohmann::ordered_json::array();
  for (const HottestShare& at : statistics.hottest)
    hottest.push_back({{"fraction", at.fraction}, {"share", at.share}});
  return {{"sequences", statistics.sequences},
          {"skipped_sequences", statistics.skipped_sequences},
          {"skip_flags", info.options.skip_flags},
          {"tokens", statistics.tokens},
          {"sampled_batches", info.options.sampled_batches},
          {"seed", info.options.seed},
          {"unique_experts", unique},
          {"hottest", hottest},
          {"repeat_share", optional_number(statistics.repeat_share)},
          {"repeat_by_chance", statistics.repeat_by_chance}};
}

}  // namespace

std::string trace_info_table(const TraceInfo& info) {
  Lines lines;
  add_provenance(lines, info);
  add_shape(lines, info.trace);
  add_locality(lines, info);
  return lines.take();
}

std::string trace_info_json(const TraceInfo& info) {
  const Version version = program_version();
  const TraceProvenance& provenance = info.trace.provenance();
  const TraceShape& shape = info.trace.shape();
  nlohmann::ordered_json flags;
  for (const auto& [flag, name] : flag_names) flags[name] = count_flagged(info.trace, flag);
  const nlohmann::ordered_json json{{"schema_version", schema_version},
                                    {"version", version.version},
                                    {"git_commit", version.git_commit},
                                    {"git_dirty", version.git_dirty},
                                    {"trace", info.file.string()},
                                    {"model", provenance.model},
                                    {"source", provenance.source},
                                    {"licence", provenance.licence},
                                    {"note", provenance.note},
                                    {"synthetic", provenance.synthetic},
                                    {"layers", shape.grid.layers},
                                    {"experts", shape.grid.experts},
                                    {"top_k", shape.top_k},
                                    {"first_layer_id", shape.first_layer_id},
                                    {"layer_stride", shape.layer_stride},
                                    {"has_weights", info.trace.has_weights()},
                                    {"tokens", info.trace.tokens()},
                                    {"prefill_tokens", prefill_tokens(info.trace)},
                                    {"sequences", info.trace.sequences().size()},
                                    {"sequences_by_flag", flags},
                                    {"locality", locality_json(info)}};
  return json_text(json);
}

}  // namespace prophet
