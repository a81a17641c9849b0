#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "bench/commands/bundled_traces.hpp"
#include "bench/commands/commands.hpp"
#include "bench/commands/train_live.hpp"
#include "bench/commands/training_progress.hpp"
#include "bench/report/model_card.hpp"
#include "bench/report/provenance.hpp"
#include "predictor/make_predictor.hpp"
#include "predictor/trained/predictor_file.hpp"
#include "predictor/trained/train_predictor.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/engine/batch_schedule.hpp"

namespace prophet {
namespace {

/// A net is told all that there are (GroupPlan).
constexpr std::uint32_t ahead_ways = 4;

struct TrainArguments {
  std::string trace{sample_train_trace};
  std::string out;
  double train_fraction = 0.5;
  std::uint32_t skip_flags = sequence_flags::repetitive;
  PredictorTraining training;
  LiveTexts live;
  bool routers = true;  ///< of a live model, are told to the nets
  bool quiet = false;

  [[nodiscard]] bool is_live() const { return !live.files.empty(); }
};

/// What is learned from: a recorded trace, or what a live model routes while it reads.
struct Source {
  RoutingTrace trace;
  AheadChoices ahead;  ///< of a live model
  [[nodiscard]] const AheadChoices* told() const { return ahead.ids.empty() ? nullptr : &ahead; }
};

Source read_source(const TrainArguments& arguments) {
  if (!arguments.is_live()) return {open_trace(arguments.trace), {}};
  LiveRouting routing = read_live_texts(arguments.live);
  if (!arguments.routers) routing.ahead.ids.clear();
  return {std::move(routing.trace), std::move(routing.ahead)};
}

/// What the model card and the summary call it.
std::string source_name(const TrainArguments& arguments) {
  if (!arguments.is_live()) return arguments.trace;
  return fmt::format("{} reading {}", arguments.live.model, fmt::join(arguments.live.files, ", "));
}

/// Recalls of one predictor on what nothing was learned from.
RecallRow recall_of(const char* name, const Source& source, const SequenceSplit& split,
                    const TrainedPredictor& trained) {
  const RoutingTrace& trace = source.trace;
  PredictorOptions options;
  options.grid = trace.shape().grid;
  options.top_k = trace.shape().top_k;
  options.trace = &trace;
  options.training = split.train;
  options.mlp = trained.mlp;
  options.ahead_layers = trained.mlp->shape.lookahead_layers;
  const std::unique_ptr<Predictor> predictor = make_predictor(name, options);
  return {name,
          measure_recall(*predictor, trace, split.test, trained.mlp->shape.lookahead_layers, source.told())};
}

CardFacts facts_of(const TrainArguments& arguments, const RoutingTrace& trace, const SequenceSplit& split) {
  CardFacts facts;
  facts.file = arguments.out;
  facts.trace = source_name(arguments);
  facts.provenance = trace.provenance();
  facts.skip_flags = arguments.skip_flags;
  facts.train_fraction = arguments.train_fraction;
  facts.seed = arguments.training.seed;
  facts.train_sequences = split.train.size();
  for (const SequenceId id : split.train) facts.train_tokens += trace.sequences()[id.index()].tokens;
  facts.test_sequences = split.test.size();
  return facts;
}

std::string summary(const TrainedPredictor& trained, const CardFacts& facts) {
  const MlpShape& shape = trained.mlp->shape;
  const std::size_t use = trained.use == nullptr ? 0 : trained.use->parameters();
  return fmt::format(
      "trained on {} sequences ({} tokens) of {}, tested on {}\n"
      "{} nets of {} units, {} input groups: {} parameters; use model: {}; {} together\n\n{}\n"
      "into: from the end of a token into the next; loss: cross entropy over all experts of a layer\n{} and "
      "{}.md "
      "written\n",
      facts.train_sequences, facts.train_tokens, facts.trace, facts.test_sequences, shape.nets(),
      shape.hidden, shape.groups.size(), shape.parameters(),
      use == 0 ? "none" : fmt::format("{} hidden units, {} parameters", trained.use->hidden.units, use),
      trained.parameters(), recall_table(facts.recalls, shape.top_k), facts.file, facts.file);
}

void check_source(const TrainArguments& arguments, bool names_trace) {
  if (arguments.live.model.empty() == arguments.live.files.empty() && (!arguments.is_live() || !names_trace))
    return;
  throw Error(ErrorCode::usage,
              "--model and --text: a live model reads texts, expected both and no --trace, or neither");
}

void train(const TrainArguments& arguments) {
  set_quiet(arguments.quiet);
  check_writable(arguments.out);
  const Source source = read_source(arguments);
  const RoutingTrace& trace = source.trace;
  const SequenceSplit split =
      split_sequences(trace, arguments.skip_flags, arguments.train_fraction, arguments.training.seed);
  PredictorTraining training = arguments.training;
  if (source.told() != nullptr) training.mlp.wish.groups.ahead = ahead_ways;
  const TrainedPredictor trained = train_predictor(
      trace, split.train, training, training_progress("parts of the use model", arguments.quiet),
      training_progress("nets", arguments.quiet), source.told());
  CardFacts facts = facts_of(arguments, trace, split);
  for (const char* name : {"mlp", "static", "previous-token"})
    facts.recalls.push_back(recall_of(name, source, split, trained));
  save_predictor(arguments.out, trained);
  write_text_file(arguments.out + ".md", model_card(trained, facts));
  fmt::print("{}", summary(trained, facts));
}

}  // namespace

void add_train_predictor_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "train-predictor", "Train predictor mlp and the use model of policy forecast from a routing trace");
  const auto arguments = std::make_shared<TrainArguments>();
  MlpTraining& mlp = arguments->training.mlp;
  command
      ->add_option("--trace", arguments->trace,
                   "Routing trace: .ptrace, .mrt, .mrt.xz, .npy, .npz, .csv, .jsonl; sample and sample-train "
                   "are of the bundled sample model")
      ->capture_default_str();
  command->add_option(
      "--model", arguments->live.model,
      "Instead of --trace: folder of a checkpoint, whose model reads every --text; the nets are "
      "then told what its routers say ahead, too, and forecast for a live model only");
  command->add_option("--text", arguments->live.files, "File that the model reads; may be given again")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command->add_option("--window", arguments->live.window_tokens, "Tokens of a text that make a sequence")
      ->capture_default_str();
  command->add_option("--batch", arguments->live.lanes, "Sequences that the model reads at once")
      ->capture_default_str();
  command->add_flag("!--no-routers", arguments->routers,
                    "Learn from the experts alone, as of a trace, what a live model routes");
  command->add_option("--out", arguments->out, "The file to write; its model card goes beside it, with .md")
      ->required();
  command->add_option("--train-fraction", arguments->train_fraction, "Share of the sequences that train")
      ->capture_default_str();
  command
      ->add_option("--skip-flags", arguments->skip_flags,
                   "Leave out sequences with any of these flags: 1 finished, 2 repetitive, 4 batched step, 8 "
                   "duplicate")
      ->capture_default_str();
  command->add_option("--seed", arguments->training.seed, "Of the split and of the training")
      ->capture_default_str();
  command->add_option("--hidden", mlp.wish.hidden, "Hidden units of a net at most")->capture_default_str();
  command->add_option(
      "--use-hidden", arguments->training.use.hidden_units,
      "Units of the use model's hidden layer; 0: none (default: 256 where it has room for them "
      "and tokens to learn them from, else none)");
  command->add_option("--layers-back", mlp.wish.groups.layers_back, "Layers back that a net is told")
      ->capture_default_str();
  command->add_option("--tokens-back", mlp.wish.groups.tokens_back, "Tokens back that a net is told")
      ->capture_default_str();
  command->add_option("--lookahead", mlp.wish.lookahead_layers, "Layers ahead that are learned")
      ->capture_default_str();
  command->add_option("--epochs", mlp.net.epochs, "Passes over the training tokens")->capture_default_str();
  command
      ->add_option("--threads", arguments->training.threads,
                   "Threads that train; the result does not depend on them")
      ->capture_default_str();
  command->add_flag("--quiet", arguments->quiet, "No progress and no remarks on stderr");
  arguments->training.threads = std::max(1U, std::thread::hardware_concurrency());
  command->callback([arguments, command] {
    check_source(*arguments, command->count("--trace") != 0);
    arguments->live.lookahead_layers = arguments->training.mlp.wish.lookahead_layers;
    arguments->live.quiet = arguments->quiet;
    train(*arguments);
  });
}

}  // namespace prophet
