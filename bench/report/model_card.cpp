#include "bench/report/model_card.hpp"

#include <fmt/format.h>

#include "bench/report/provenance.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

std::string named(const std::string& text) {
  return text.empty() ? "unknown" : text;
}

std::string what_it_is(const TrainedPredictor& trained) {
  const MlpShape& shape = trained.mlp->shape;
  std::string text = fmt::format(
      "Forecasts which experts the next {} layers of a Mixture-of-Experts model with {} MoE layers x {} "
      "experts, "
      "top-{}, will want, from expert ids alone. For `prophet replay` and `prophet sweep`: `--predictor mlp "
      "--predictor-file FILE`{}. A forecast decides what is copied when, and never what is computed.\n\n",
      shape.lookahead_layers, shape.grid.layers, shape.grid.experts, shape.top_k,
      trained.use == nullptr ? "" : ", and `--policy forecast`");
  text += fmt::format(
      "* predictor `mlp`: {} nets of one hidden layer of {} units (relu, bf16), one for each target layer "
      "and "
      "layers ahead; {} parameters\n",
      shape.nets(), shape.hidden, shape.parameters());
  if (trained.use == nullptr) {
    text += "* policy `forecast`: none; the model's experts are too many for one\n";
  } else {
    const std::uint32_t units = trained.use->hidden.units;
    text += fmt::format(
        "* use model of policy `forecast`: {} source layers, {}, fp32; {} parameters\n",
        trained.use->source_layers,
        units == 0 ? "no hidden layer" : fmt::format("one hidden layer of {} units (relu)", units),
        trained.use->parameters());
  }
  return text + fmt::format("* {} parameters together\n", trained.parameters());
}

std::string input_of(const MlpShape& shape) {
  std::string text = "| input group | what it names |\n|---|---|\n";
  for (const InputGroup& group : shape.groups) {
    const std::string kind(group_kind_name(group.kind));
    if (group.kind == GroupKind::ahead) {
      text += fmt::format(
          "| ahead | first {} choices of the target's router, applied to the hidden state that the forecast "
          "is "
          "made from |\n",
          group.ranks);
      continue;
    }
    if (group.kind == GroupKind::popular) {
      text += fmt::format(
          "| {} | the sequence's share of tokens that use an expert of the target layer, {} kept a token, in "
          "parts "
          "of 1/{} |\n",
          kind, group.keep, group.grain);
    } else {
      text += fmt::format("| {} {} | first {} of the router's choice |\n", kind, group.distance, group.ranks);
    }
  }
  return text;
}

std::string data_of(const TrainedPredictor& trained, const CardFacts& facts) {
  return fmt::format(
      "| trace | {} |\n|---|---|\n| model | {} |\n| source | {} |\n| licence of the trace | {} |\n| "
      "synthetic | {} |\n"
      "| left out | sequences with any of the flags {} |\n"
      "| split | by sequence, seed {}, {} of the sequences train |\n"
      "| training | {} sequences, {} tokens; one sequence in sixteen chose the epoch |\n"
      "| test | {} sequences |\n\n"
      "The file holds a fingerprint of each of its {} different training sequences; a replay leaves these "
      "out.\n",
      facts.trace, named(facts.provenance.model), named(facts.provenance.source),
      named(facts.provenance.licence), facts.provenance.synthetic ? "yes" : "no", facts.skip_flags,
      facts.seed, facts.train_fraction, facts.train_sequences, facts.train_tokens, facts.test_sequences,
      trained.learnt_from.size());
}

}  // namespace

std::string model_card(const TrainedPredictor& trained, const CardFacts& facts) {
  const auto version = program_version();
  return fmt::format(
      "# {}: a trained predictor\n\n{}\n## Recall on the test sequences\n\n{}\n## Data\n\n{}\n## "
      "Input\n\n{}\n"
      "`recent n`: n layers before the newest known one; `early n`: layer n of the same token; `before n`: n "
      "layers "
      "before the target, counted through the tokens before.\n\n"
      "## Made by\n\n```\n{}\n```\nProphet {}, commit {}{}\n",
      facts.file, what_it_is(trained), recall_markdown(facts.recalls, trained.mlp->shape.top_k),
      data_of(trained, facts), input_of(trained.mlp->shape), command_line_text(), version.version,
      version.git_commit, version.git_dirty ? ", modified" : "");
}

}  // namespace prophet
