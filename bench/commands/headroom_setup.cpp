#include "bench/commands/headroom_setup.hpp"

#include <fmt/format.h>

#include "bench/commands/replay_setup.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t memory_mib_max = 1ULL << 30;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::usage, sentence);
}

void check_range(const char* option, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  if (value < least || value > most)
    refuse(fmt::format("{} {}: expected {} to {}", option, value, least, most));
}

std::vector<std::uint32_t> budgets(const HeadroomSetup& setup, const ExpertGrid& grid) {
  std::vector<std::uint32_t> slabs = setup.slabs;
  for (const double fraction : setup.slab_fractions) slabs.push_back(slabs_of_fraction(fraction, grid));
  if (!slabs.empty()) return slabs;
  for (const double fraction : {0.25, 0.5, 0.75}) slabs.push_back(slabs_of_fraction(fraction, grid));
  return slabs;
}

}  // namespace

void add_headroom_options(CLI::App& command, HeadroomSetup& setup) {
  command.add_option("--model", setup.model,
                     "A name of `prophet models`, or the path of a Hugging Face config.json");
  command.add_option("--device", setup.device, "cpu, sim:PROFILE or cuda[:N]")->capture_default_str();
  command.add_option("--memory", setup.memory_mib, "MiB of the device's memory to use; all of it by default");
  auto* const fractions =
      command.add_option("--slab-fraction", setup.slab_fractions,
                         "Shares of all experts that stay, comma-separated; 0.25,0.5,0.75 "
                         "by default");
  fractions->delimiter(',');
  auto* const slabs =
      command.add_option("--slabs", setup.slabs, "The same as numbers of cache slabs, comma-separated");
  slabs->delimiter(',')->excludes(fractions);
  command.add_option("--staging-slabs", setup.staging_slabs,
                     "Slabs through which the other experts pass; the model's top-k by default");
  command.add_option("--batch", setup.batch, "Sequences, which grow alike")->capture_default_str();
  command.add_option("--context", setup.context_tokens,
                     "Tokens that each sequence must have room for; as many as fit by default");
  command.add_option("--page-tokens", setup.page_tokens,
                     "Tokens of one layer in a page, a power of two; by default 16, or what wastes less than "
                     "1 % of a slab");
  command.add_option("--dtype-kv", setup.kv_dtype, "bf16, fp16, fp32, fp8 or int8")->capture_default_str();
  command.add_option("--expert-dtype", setup.expert_dtype, "Of the experts; as the model ships by default");
  command.add_option("--step-tokens", setup.step_tokens, "Of the longest step, which the workspace is for")
      ->capture_default_str();
  command.add_option("--seed", setup.seed, "Of the patterns that are written to the pages")
      ->capture_default_str();
  command.add_flag("--grid", setup.grid,
                   "The published study's 16 models x 4 GPUs x 6 batches on sim devices, each with the slabs "
                   "that the study's law for distinct experts asks for, or one --slab-fraction");
  command.add_option("--json", setup.json_path, "Write every term as JSON; - is stdout");
  command.add_option("--csv", setup.csv_path, "Write every term as CSV; - is stdout");
}

void check_headroom_setup(const HeadroomSetup& setup) {
  check_one_stdout(setup.json_path, setup.csv_path);
  check_range("--batch", setup.batch, 1, limits::lanes_max);
  check_range("--step-tokens", setup.step_tokens, 1, limits::prefill_chunk_tokens_max);
  check_range("--context", setup.context_tokens, 0, limits::context_tokens_max);
  check_range("--memory", setup.memory_mib, 0, memory_mib_max);
  if (setup.staging_slabs) check_range("--staging-slabs", *setup.staging_slabs, 1, limits::slabs_max);
  if (setup.page_tokens && *setup.page_tokens == 0)
    refuse(fmt::format("--page-tokens 0: expected a power of two up to {}", limits::kv_page_tokens_max));
  static_cast<void>(parse_dtype(setup.kv_dtype));
  if (!setup.grid && setup.model.empty())
    refuse("headroom: neither --model nor --grid is given: expected one of them");
  if (!setup.grid) return;
  const bool asks_for_one = !setup.model.empty() || setup.memory_mib != 0 || !setup.slabs.empty() ||
                            setup.batch != 1 || setup.device != "cpu" || setup.slab_fractions.size() > 1;
  if (asks_for_one) {
    refuse(
        "--grid: has models, devices and batches of its own, expected none of --model, --device, --memory, "
        "--batch and --slabs beside it, and at most one --slab-fraction");
  }
}

QuestionOptions question_options(const HeadroomSetup& setup, const ModelShape& model) {
  QuestionOptions options;
  options.expert_dtype = setup.expert_dtype.empty() ? model.expert_dtype : parse_dtype(setup.expert_dtype);
  options.kv_dtype = parse_dtype(setup.kv_dtype);
  options.page_tokens = setup.page_tokens.value_or(0);
  options.step_tokens = setup.step_tokens;
  options.staging_slabs = setup.staging_slabs;
  return options;
}

std::vector<HeadroomQuestion> headroom_questions(const HeadroomSetup& setup, const ModelShape& model) {
  const QuestionOptions options = question_options(setup, model);
  std::vector<HeadroomQuestion> questions;
  questions.push_back(make_question(model, model.grid.size(), setup.batch, options));
  for (const std::uint32_t slabs : budgets(setup, model.grid))
    questions.push_back(make_question(model, slabs, setup.batch, options));
  return questions;
}

}  // namespace prophet
