#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands/commands.hpp"
#include "bench/commands/replay_trace.hpp"
#include "bench/dedup/fit_dedup.hpp"
#include "bench/measure/table.hpp"
#include "bench/report/dedup_rows.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

/// Fewer leave no value in the outer 2.5 % of either side.
constexpr std::uint32_t resamples_min = 40;
constexpr std::uint32_t resamples_max = 1'000'000;
constexpr std::array<std::uint32_t, 7> default_batches{1, 2, 4, 8, 16, 32, 64};

struct FitDedupSetup {
  TraceSetup source;
  std::vector<std::uint32_t> batches;  ///< empty: those of default_batches that the trace gives
  bool consecutive = false;
  DedupOptions options;
  bool per_layer = false;
  std::string json_path;
  std::string csv_path;
};

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::usage, sentence);
}

void check_setup(const FitDedupSetup& setup) {
  check_one_stdout(setup.json_path, setup.csv_path);
  if (!setup.source.sizes_of.empty()) {
    refuse(fmt::format("--sizes-of {}: distinct experts have no size, expected none", setup.source.sizes_of));
  }
  const DedupOptions& options = setup.options;
  for (const std::uint32_t batch : setup.batches) {
    if (batch < 1 || batch > limits::lanes_max)
      refuse(fmt::format("--batch {}: expected 1 to {} tokens", batch, limits::lanes_max));
  }
  if (options.resamples < resamples_min || options.resamples > resamples_max) {
    refuse(fmt::format("--bootstrap {}: expected {} to {} resamples", options.resamples, resamples_min,
                       resamples_max));
  }
  if (!(options.saturation > 0 && options.saturation <= 1))
    refuse(fmt::format("--saturation {}: expected a share above 0, at most 1", options.saturation));
  if (!(options.tolerance > 0 && options.tolerance < 1))
    refuse(fmt::format("--tolerance {}: expected a share above 0 and below 1", options.tolerance));
  check_writable(setup.json_path);
  check_writable(setup.csv_path);
}

std::vector<std::uint32_t> choose_batches(const FitDedupSetup& setup, const TraceToReplay& source) {
  std::vector<std::uint32_t> batches = setup.batches;
  if (batches.empty())
    batches = measurable_batches(source.trace, source.split.test, setup.options.batch_of, default_batches);
  if (batches.empty()) batches = {1};  // whose refusal says what the trace lacks
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  return batches;
}

std::string model_name(const TraceToReplay& source) {
  const std::string& named = source.sizes_only ? source.trace.provenance().model : source.model.name;
  return named.empty() || named == "unknown" ? "model not named" : named;
}

std::string learned_from(const FitDedupSetup& setup, const TraceToReplay& source) {
  return source.train_trace.empty() ? setup.source.trace : source.train_trace;
}

std::string preamble(const FitDedupSetup& setup, const TraceToReplay& source, const DedupReport& report) {
  const TraceProvenance& origin = source.trace.provenance();
  const ExpertGrid& grid = report.shape.grid;
  std::string text = fmt::format("trace   {}: {}{}\n", setup.source.trace, model_name(source),
                                 origin.synthetic ? ", SYNTHETIC" : "");
  if (!origin.source.empty())
    text += fmt::format("        {} ({})\n", origin.source,
                        origin.licence == "unknown" ? "licence unknown" : origin.licence);
  text += fmt::format("        {} MoE layers x {} experts, top-{}\n", grid.layers, grid.experts,
                      report.shape.top_k);
  text += fmt::format(
      "        {} sequences measured, {} too short, {} skipped by flags {}; popularity from {} others of "
      "{}\n",
      report.sequences, report.left_out, source.split.skipped, setup.source.skip_flags, report.learned,
      learned_from(setup, source));
  text +=
      setup.consecutive
          ? "batches B consecutive decode tokens of one sequence: the mean over all places and sequences\n"
          : "batches one decode token of each of B different sequences, each at a place of its own: the "
            "exact "
            "mean\n        over all sets of sequences and all places\n";
  const Version version = program_version();
  return text + fmt::format("command {}\nrun     seed {}, {} resamples of sequences, prophet {} ({}{})\n\n",
                            command_line_text(), setup.options.seed, setup.options.resamples, version.version,
                            version.git_commit, version.git_dirty ? ", modified" : "");
}

nlohmann::ordered_json provenance_of(const FitDedupSetup& setup, const TraceToReplay& source,
                                     const DedupReport& report) {
  nlohmann::json provenance = provenance_json();
  add_trace_provenance(provenance, setup.source.trace, source.trace);
  provenance["trace_tokens"] = source.trace.tokens() - source.train_tokens;
  provenance["trace_sequences"] = source.trace.sequences().size() - source.train_sequences;
  provenance["model"] = model_name(source);
  provenance["layers"] = report.shape.grid.layers;
  provenance["experts"] = report.shape.grid.experts;
  provenance["top_k"] = report.shape.top_k;
  provenance["batch_of"] = setup.consecutive ? "one_sequence" : "different_sequences";
  provenance["sequences_measured"] = report.sequences;
  provenance["sequences_too_short"] = report.left_out;
  provenance["sequences_skipped"] = source.split.skipped;
  provenance["skip_flags"] = setup.source.skip_flags;
  provenance["popularity_sequences"] = report.learned;
  provenance["popularity_trace"] = learned_from(setup, source);
  provenance["saturation"] = setup.options.saturation;
  provenance["tolerance"] = setup.options.tolerance;
  provenance["resamples"] = setup.options.resamples;
  provenance["seed"] = setup.options.seed;
  return nlohmann::ordered_json(provenance);
}

void fit(const FitDedupSetup& asked) {
  FitDedupSetup setup = asked;
  check_setup(setup);
  setup.options.batch_of = setup.consecutive ? BatchOf::one_sequence : BatchOf::different_sequences;
  const TraceToReplay source = load_trace_to_replay(setup.source, true, setup.options.seed);
  setup.options.batches = choose_batches(setup, source);
  const DedupReport report = fit_dedup(source.trace, source.split.test, source.split.train, setup.options);
  const nlohmann::ordered_json rows = dedup_rows(report, setup.per_layer);
  if (!setup.json_path.empty()) {
    const nlohmann::ordered_json document = {{"schema_version", report_schema_version},
                                             {"provenance", provenance_of(setup, source, report)},
                                             {"summary", dedup_summary(report)},
                                             {"rows", rows}};
    write_text_file(setup.json_path, json_text(document));
  }
  if (!setup.csv_path.empty()) write_text_file(setup.csv_path, measure::csv_text(rows));
  if (setup.json_path == "-" || setup.csv_path == "-") return;
  fmt::print("{}{}", preamble(setup, source, report), dedup_table(report, setup.options, setup.per_layer));
}

}  // namespace

void add_fit_dedup_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "fit-dedup",
      "Distinct experts of a layer over batch sizes: the exponent of a power law with its interval, beside "
      "what uniform routing and popularity expect and the study's k * B^0.932");
  const auto setup = std::make_shared<FitDedupSetup>();
  setup->source.needs_sizes = false;
  add_trace_options(*command, setup->source);
  command
      ->add_option(
          "--batch", setup->batches,
          "Tokens of a batch, separated by commas; default: of 1,2,4,8,16,32,64 what the trace gives")
      ->delimiter(',');
  command->add_flag(
      "--consecutive", setup->consecutive,
      "Batches of consecutive decode tokens of one sequence, as a prompt's are routed, instead of "
      "one token of each of different sequences");
  command
      ->add_option("--saturation", setup->options.saturation,
                   "Share of a layer's experts beyond which a batch takes no part in the fit")
      ->capture_default_str();
  command->add_option("--tolerance", setup->options.tolerance, "Share by which a law may be off")
      ->capture_default_str();
  command
      ->add_option("--bootstrap", setup->options.resamples,
                   "Resamples of the sequences, for the 95 % interval")
      ->capture_default_str();
  command
      ->add_option("--seed", setup->options.seed,
                   "Of the resamples, and of which sequences popularity is learned from")
      ->capture_default_str();
  command->add_flag("--per-layer", setup->per_layer, "Every layer too");
  command->add_option("--json", setup->json_path, "Write fits and rows as JSON; - is stdout");
  command->add_option("--csv", setup->csv_path, "Write the rows as CSV; - is stdout");
  command->callback([setup] { fit(*setup); });
}

}  // namespace prophet
