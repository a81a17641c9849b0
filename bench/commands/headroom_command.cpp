#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/analytic/headroom_arithmetic.hpp"
#include "bench/analytic/kv_arithmetic.hpp"
#include "bench/commands/commands.hpp"
#include "bench/commands/headroom_setup.hpp"
#include "bench/commands/replay_setup.hpp"
#include "bench/headroom/device_room.hpp"
#include "bench/measure/table.hpp"
#include "bench/report/headroom_rows.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

/// Beyond these a grid has failed.
constexpr double error_max = 0.005;
constexpr double waste_max = 0.01;

using Json = nlohmann::ordered_json;

std::string run_line(const HeadroomSetup& setup) {
  const Version version = program_version();
  return fmt::format("command {}\nrun     seed {}, prophet {} ({}{})\n\n", command_line_text(), setup.seed,
                     version.version, version.git_commit, version.git_dirty ? ", modified" : "");
}

std::string kv_text(const ModelShape& model) {
  std::string text;
  for (const KvLayers& run : model.kv) {
    text += text.empty() ? "" : ", ";
    switch (run.kind) {
      case KvKind::grouped_query:
        text += fmt::format("{} layers of {} KV heads of {}", run.layers, run.kv_heads, run.head_dim);
        break;
      case KvKind::sliding_window:
        text += fmt::format("{} layers of {} KV heads of {} with a window of {} tokens", run.layers,
                            run.kv_heads, run.head_dim, run.window_tokens);
        break;
      case KvKind::latent:
        text += fmt::format("{} layers of a latent of {} + {}", run.layers, run.kv_lora_rank,
                            run.qk_rope_head_dim);
        break;
      case KvKind::none:
        text += fmt::format("{} layers without attention", run.layers);
        break;
    }
  }
  return text;
}

std::string preamble(const HeadroomSetup& setup, const DeviceInfo& device, const HeadroomQuestion& question) {
  const ModelShape& model = question.model;
  std::string text = fmt::format(
      "model   {}: {} MoE layers x {} experts, top-{}; an expert in {} is {:.3f} MB\n", model.name,
      model.grid.layers, model.grid.experts, model.top_k, dtype_name(question.expert_dtype),
      static_cast<double>(expert_bytes(model, question.expert_dtype)) / 1e6);
  text += fmt::format("KV      {}; {} bytes a token in {}, pages of {} tokens of a layer\n", kv_text(model),
                      analytic::token_bytes(model, question.kv_dtype), dtype_name(question.kv_dtype),
                      question.page_tokens);
  text += fmt::format(
      "device  {}{}\n", device.name,
      device.simulated ? ": SIMULATED memory; what its context takes is not in the profile's figure" : "");
  text += fmt::format("batch   {}, steps of up to {} tokens\n",
                      question.batch == 1 ? std::string("1 sequence")
                                          : fmt::format("{} sequences that grow alike", question.batch),
                      question.step_tokens);
  return text + run_line(setup);
}

std::string proof_text(const std::vector<HeadroomCell>& cells) {
  std::uint64_t pages = 0;
  std::uint64_t bytes = 0;
  bool compared = true;
  for (const HeadroomCell& cell : cells) {
    if (!cell.proof || cell.proof->pages == 0) continue;
    pages += cell.proof->pages;
    bytes += cell.proof->bytes;
    compared = compared && cell.proof->compared;
  }
  if (pages == 0) return "no page found room, so none was written\n";
  const double gib = static_cast<double>(bytes) / 0x1p30;
  if (compared) {
    return fmt::format(
        "{} pages ({:.3f} GiB) written, each with a pattern of its own, and then all read back: each as it "
        "was "
        "written\n",
        pages, gib);
  }
  return fmt::format(
      "{} pages ({:.3f} GiB) copied in, and then all copied out: this device has no bytes to compare, only "
      "the "
      "order of the copies was checked\n",
      pages, gib);
}

std::string context_text(const HeadroomSetup& setup, const std::vector<HeadroomCell>& cells) {
  const ModelShape& model = cells.front().question.model;
  std::string text;
  const bool beyond = std::any_of(cells.begin(), cells.end(), [&](const HeadroomCell& cell) {
    return cell.measured.context_tokens > model.context_tokens;
  });
  if (setup.context_tokens != 0)
    text += fmt::format("asked for {} tokens in each sequence\n", setup.context_tokens);
  if (beyond) text += fmt::format("the model was made for contexts of {} tokens\n", model.context_tokens);
  return text;
}

/// By arithmetic, before anything is allocated.
void refuse_context_that_cannot_fit(const HeadroomSetup& setup, const DeviceRoom& room,
                                    const std::vector<HeadroomQuestion>& questions) {
  std::uint64_t longest = 0;
  for (const HeadroomQuestion& question : questions)
    longest = std::max(longest, analytic::headroom(question, room).context_tokens);
  if (setup.context_tokens == 0 || longest >= setup.context_tokens) return;
  throw Error(ErrorCode::out_of_memory,
              fmt::format("--context {}: with these slabs {} bytes hold {} sequence{} of up to {} tokens, "
                          "expected at most that",
                          setup.context_tokens, room.usable_bytes, setup.batch, setup.batch == 1 ? "" : "s",
                          longest));
}

void write_documents(const HeadroomSetup& setup, const Json& provenance, const Json& rows,
                     const Json& summary) {
  if (!setup.json_path.empty()) {
    Json document = {{"schema_version", report_schema_version}};
    document["provenance"] = provenance;
    if (!summary.is_null()) document["summary"] = summary;
    document["rows"] = rows;
    write_text_file(setup.json_path, json_text(document));
  }
  if (!setup.csv_path.empty()) write_text_file(setup.csv_path, measure::csv_text(rows));
}

bool prints_table(const HeadroomSetup& setup) {
  return setup.json_path != "-" && setup.csv_path != "-";
}

void report_one(const HeadroomSetup& setup) {
  const ModelShape model = load_model(setup.model);
  const std::vector<HeadroomQuestion> questions = headroom_questions(setup, model);
  const auto device = open_with_budget(setup.device, setup.memory_mib << 20);
  const DeviceRoom room = room_of(*device);
  refuse_context_that_cannot_fit(setup, room, questions);
  std::vector<HeadroomCell> cells;
  for (const HeadroomQuestion& question : questions)
    cells.push_back(answer_headroom(*device, setup.device, room, question, {true, setup.seed}));

  if (prints_table(setup)) {
    fmt::print("{}{}{}{}", preamble(setup, device->info(), questions.front()),
               headroom_table(cells, setup.context_tokens), context_text(setup, cells), proof_text(cells));
  }
  Json provenance(provenance_json());
  nlohmann::json of_device;
  add_device_provenance(of_device, device->info());
  provenance.update(Json(of_device));
  provenance["model"] = model.name;
  provenance["model_source"] = model.source;
  provenance["context_tokens"] = setup.context_tokens;
  provenance["seed"] = setup.seed;
  Json rows = Json::array();
  for (const HeadroomCell& cell : cells)
    rows.push_back(headroom_row(cell, cells.front(), setup.context_tokens));
  write_documents(setup, provenance, rows, nullptr);
}

void check_grid(const GridSummary& summary) {
  if (summary.error_max <= error_max && summary.waste_max <= waste_max) return;
  throw Error(
      ErrorCode::check_failed,
      fmt::format("headroom: the counts differ by {:.3f} % and lent slabs waste {:.3f} %, expected at "
                  "most {:.1f} and {:.0f} %",
                  100 * summary.error_max, 100 * summary.waste_max, 100 * error_max, 100 * waste_max));
}

void report_grid(const HeadroomSetup& setup) {
  const SlabsOf slabs_of = [&](const ModelShape& model, std::uint32_t batch) {
    if (setup.slab_fractions.empty()) return study_slabs(model.grid, model.top_k, batch);
    return slabs_of_fraction(setup.slab_fractions.front(), model.grid);
  };
  const std::vector<StudyCell> cells =
      run_study_grid(question_options(setup, ModelShape()), setup.expert_dtype.empty(), slabs_of);
  const GridSummary summary = summarise(cells, setup.context_tokens);
  if (prints_table(setup)) {
    fmt::print(
        "tokens that fit, as a multiple of those with all experts resident; SIMULATED memory of the "
        "profiles' capacity; slabs: {}\n{}{}",
        setup.slab_fractions.empty() ? "the study's min(E, k * batch^0.932) of each layer, rounded up"
                                     : fmt::format("{} of all experts", setup.slab_fractions.front()),
        run_line(setup), grid_table(cells, setup.context_tokens));
  }
  Json provenance(provenance_json());
  provenance["context_tokens"] = setup.context_tokens;
  Json rows = Json::array();
  for (const StudyCell& cell : cells)
    rows.push_back(headroom_row(cell.cached, cell.all_resident, setup.context_tokens));
  write_documents(setup, provenance, rows, summary_json(summary));
  check_grid(summary);
}

}  // namespace

void add_headroom_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "headroom",
      "How many tokens of KV cache a device holds beside all experts or some, by allocating them");
  const auto setup = std::make_shared<HeadroomSetup>();
  add_headroom_options(*command, *setup);
  command->callback([setup] {
    check_headroom_setup(*setup);
    check_writable(setup->json_path);
    check_writable(setup->csv_path);
    setup->grid ? report_grid(*setup) : report_one(*setup);
  });
}

}  // namespace prophet
