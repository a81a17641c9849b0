#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/commands/commands.hpp"
#include "bench/commands/replay_setup.hpp"
#include "bench/commands/token_file.hpp"
#include "bench/report/perplexity_rows.hpp"
#include "bench/report/provenance.hpp"
#include "kernels/checksum.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/version.hpp"
#include "runtime/device/make_device.hpp"
#include "runtime/engine/live/expert_loader.hpp"
#include "runtime/engine/live/perplexity.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {
namespace {

struct PerplexityArguments {
  std::string model;
  std::string text;
  std::string ids;
  std::vector<std::string> quant = {"all"};
  std::optional<std::uint32_t> window_tokens;
  std::string device = "cpu";
  double slab_fraction = 1;
  std::optional<std::uint64_t> device_memory_mib;
  std::optional<std::uint64_t> tokens_max;
  std::string json_path;
  std::string csv_path;
  bool quiet = false;
};

/// What is read, and of what model.
struct Reading {
  DecoderConfig config;
  std::vector<std::uint32_t> ids;
  std::string path;
  std::string token;  ///< what it is made of: "byte" or "token"
  PerplexityOptions options;
};

void check(const PerplexityArguments& arguments) {
  const auto refuse = [](const std::string& sentence) { throw Error(ErrorCode::usage, sentence); };
  if (arguments.text.empty() == arguments.ids.empty())
    refuse(arguments.text.empty() ? "perplexity: neither --text nor --ids is given: expected one of them"
                                  : "--text and --ids: expected one of them");
  if (arguments.tokens_max && (*arguments.tokens_max < 2 || *arguments.tokens_max > limits::text_tokens_max))
    refuse(fmt::format("--tokens-max {}: expected 2 to {}", *arguments.tokens_max, limits::text_tokens_max));
  check_one_stdout(arguments.json_path, arguments.csv_path);
  constexpr std::uint64_t mib_max = 1ULL << 30;
  if (arguments.device_memory_mib &&
      (*arguments.device_memory_mib == 0 || *arguments.device_memory_mib > mib_max))
    refuse(fmt::format("--device-memory {}: expected 1 to {} MiB", *arguments.device_memory_mib, mib_max));
}

/// "all" stands for what a user would choose from; a format of it that cannot hold the experts is left out.
void parse_formats(const std::vector<std::string>& names, PerplexityOptions& options) {
  for (const std::string& name : names) {
    if (name == "stored") continue;
    if (name != "all") {
      options.formats.push_back(parse_expert_format(name));
      continue;
    }
    options.skips_unfit_formats = true;
    for (const auto format : {kernels::ExpertFormat::int8, kernels::ExpertFormat::int4_32,
                              kernels::ExpertFormat::mxfp4, kernels::ExpertFormat::fp8_rows})
      options.formats.push_back(format);
  }
}

void read_tokens(const PerplexityArguments& arguments, Reading& reading) {
  const std::uint32_t vocab = reading.config.architecture.vocab_size;
  const std::uint64_t tokens_max = arguments.tokens_max.value_or(limits::text_tokens_max + 1);
  reading.path = arguments.text.empty() ? arguments.ids : arguments.text;
  reading.token = vocab == byte_vocabulary_tokens ? "byte" : "token";
  reading.ids = read_text_tokens(arguments.text, arguments.ids, arguments.model, vocab, tokens_max);
  if (reading.ids.size() > limits::text_tokens_max) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: has more than {} tokens, expected fewer or --tokens-max", reading.path,
                            limits::text_tokens_max));
  }
  if (reading.ids.size() >= 2) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("{}: has {} tokens, expected at least 2: one to begin with and one to predict",
                          reading.path, reading.ids.size()));
}

Reading read(const PerplexityArguments& arguments) {
  Reading reading;
  parse_formats(arguments.quant, reading.options);
  reading.config = load_decoder_config(arguments.model);
  const std::uint32_t context_tokens = reading.config.architecture.context_tokens;
  if (arguments.window_tokens &&
      (*arguments.window_tokens < 2 || *arguments.window_tokens > context_tokens)) {
    throw Error(ErrorCode::usage, fmt::format("--window {}: expected 2 to {}, the model's context",
                                              *arguments.window_tokens, context_tokens));
  }
  reading.options.window_tokens = arguments.window_tokens.value_or(0);
  reading.options.slabs = slabs_of_fraction(arguments.slab_fraction, reading.config.shape.grid);
  read_tokens(arguments, reading);
  return reading;
}

void show_progress(kernels::ExpertFormat format, std::uint64_t done, std::uint64_t windows) {
  fmt::print(stderr, "\r{:>9}/{} windows  {}\033[K", done, windows, expert_format_name(format));
  std::fflush(stderr);
}

std::string preamble(const PerplexityArguments& arguments, const Reading& reading, const DeviceInfo& device,
                     const PerplexityReport& report) {
  const ExpertGrid& grid = reading.config.shape.grid;
  const TokenWindows& windows = report.windows;
  const auto megabytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  std::string text = fmt::format("model   {}: {} MoE layers x {} experts, top-{}, stored as {}\n",
                                 arguments.model, grid.layers, grid.experts, reading.config.shape.top_k,
                                 expert_format_name(report.rows.front().format));
  text +=
      fmt::format("text    {}: {} {}s in {} windows of {}; {} predicted, {} behind the last window are not\n",
                  reading.path, reading.ids.size(), reading.token, windows.count, windows.tokens,
                  windows.predicted(), windows.left_over);
  text += fmt::format("device  {}; {} cache + {} staging slabs for {} experts, each format by itself\n",
                      device.name, report.slabs, report.staging_slabs, grid.size());
  text += fmt::format(
      "memory  beside the slabs: always-resident weights {:.2f} MB, K and V {:.2f} MB, "
      "activations {:.2f} MB\n",
      megabytes(report.resident_bytes), megabytes(report.kv_bytes), megabytes(report.activation_bytes));
  text += "command " + command_line_text() + "\n";
  const Version version = program_version();
  text += fmt::format("run     prophet {} ({}{})\n", version.version, version.git_commit,
                      version.git_dirty ? ", modified" : "");
  return text;
}

nlohmann::json document(const PerplexityArguments& arguments, const Reading& reading,
                        const DeviceInfo& device, const PerplexityReport& report) {
  nlohmann::json provenance = provenance_json();
  const ExpertGrid& grid = reading.config.shape.grid;
  provenance["model"] = arguments.model;
  provenance["layers"] = grid.layers;
  provenance["experts"] = grid.experts;
  provenance["top_k"] = reading.config.shape.top_k;
  add_device_provenance(provenance, device);
  provenance["text"] = reading.path;
  provenance["text_tokens"] = reading.ids.size();
  provenance["text_checksum"] =
      fmt::format("{:016x}", kernels::checksum(std::as_bytes(std::span(reading.ids))));
  provenance["tokens_are_bytes"] = reading.token == "byte";
  provenance["window_tokens"] = report.windows.tokens;
  provenance["windows"] = report.windows.count;
  provenance["predicted_tokens"] = report.windows.predicted();
  provenance["left_over_tokens"] = report.windows.left_over;
  provenance["slabs"] = report.slabs;
  provenance["staging_slabs"] = report.staging_slabs;
  provenance["resident_bytes"] = report.resident_bytes;
  provenance["kv_bytes"] = report.kv_bytes;
  provenance["activation_bytes"] = report.activation_bytes;
  provenance["left_out"] = report.left_out;
  return {{"schema_version", report_schema_version},
          {"provenance", std::move(provenance)},
          {"rows", perplexity_rows_json(report)}};
}

void run_perplexity(const PerplexityArguments& arguments) {
  set_quiet(arguments.quiet);
  check(arguments);
  check_writable(arguments.json_path);
  check_writable(arguments.csv_path);
  Reading reading = read(arguments);
  DeviceOptions device_options;
  device_options.memory_bytes = arguments.device_memory_mib.value_or(0) << 20;
  const std::unique_ptr<Device> device = make_device(arguments.device, device_options);
  const bool shows_progress = !arguments.quiet && isatty(STDERR_FILENO) != 0;
  if (shows_progress) reading.options.progress = show_progress;
  const PerplexityReport report = measure_perplexity(*device, arguments.model, reading.ids, reading.options);
  if (shows_progress) fmt::print(stderr, "\r\033[K");
  for (const std::string& sentence : report.left_out) log_warning(sentence);

  if (!arguments.json_path.empty()) {
    write_text_file(arguments.json_path, json_text(document(arguments, reading, device->info(), report)));
  }
  if (!arguments.csv_path.empty()) write_text_file(arguments.csv_path, perplexity_rows_csv(report));
  const bool stdout_is_taken = arguments.json_path == "-" || arguments.csv_path == "-";
  if (!stdout_is_taken) {
    fmt::print("{}\n{}", preamble(arguments, reading, device->info(), report),
               perplexity_table(report, reading.token));
  }
}

}  // namespace

void add_perplexity_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "perplexity", "How well a live model predicts a text with its experts held in several formats");
  const auto arguments = std::make_shared<PerplexityArguments>();
  command
      ->add_option("--model", arguments->model,
                   "Folder of a checkpoint: config.json and *.safetensors (OLMoE, Qwen2-MoE, Qwen3-MoE, "
                   "Mixtral)")
      ->required();
  command->add_option("--text", arguments->text, "File whose bytes are the text (byte vocabularies)");
  command->add_option("--ids", arguments->ids, "File of token ids with blanks between them");
  command
      ->add_option("--quant", arguments->quant,
                   "Formats to compare with the stored one, separated by commas: bf16, fp16, fp32, fp8, int8 "
                   "(a scale a row), int4 (groups of 32), mxfp4; stored: none; all: int8, int4, mxfp4, fp8")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option(
      "--window", arguments->window_tokens,
      "Tokens of a window, of which the first is not predicted; default: the model's context, "
      "at most 4096");
  command->add_option("--tokens-max", arguments->tokens_max, "Read only so many tokens of the text");
  command->add_option("--device", arguments->device, "cpu, cuda[:N]")->capture_default_str();
  command
      ->add_option("--slab-fraction", arguments->slab_fraction,
                   "Cache slabs as a share of all experts; no figure but their memory depends on it")
      ->capture_default_str();
  command->add_option("--device-memory", arguments->device_memory_mib, "MiB of device memory at most");
  command->add_option("--json", arguments->json_path, "Write the result as JSON (- is stdout)");
  command->add_option("--csv", arguments->csv_path, "Write the rows as CSV (- is stdout)");
  command->add_flag("--quiet", arguments->quiet, "No progress and no remarks on stderr");
  command->callback([arguments] { run_perplexity(*arguments); });
}

}  // namespace prophet
