#include "bench/commands/routers_option.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "bench/commands/bundled_traces.hpp"
#include "prophet/error.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/trace_reader.hpp"

namespace prophet {
namespace {

const char* dtype_name(HiddenDtype dtype) {
  if (dtype == HiddenDtype::fp32) return "fp32";
  return dtype == HiddenDtype::fp16 ? "fp16" : "bf16";
}

std::string sidecar_of(const std::string& trace) {
  const auto has_none = [&](const char* why) {
    return Error(ErrorCode::usage, fmt::format("--routers: {} {}: expected --hidden FILE, as prophet trace "
                                               "record --hidden writes it beside its trace",
                                               trace, why));
  };
  if (is_bundled_trace(trace)) throw has_none("is bundled without hidden states");
  if (std::filesystem::path(trace).extension() != ".ptrace") throw has_none("is no .ptrace");
  const PtraceHeader header = TraceReader(std::filesystem::path(trace)).header();
  if (header.hidden_states_file.empty()) throw has_none("names no file of hidden states");
  return std::filesystem::path(trace).replace_filename(header.hidden_states_file).string();
}

}  // namespace

void add_routers_options(CLI::App& command, RoutersSetup& setup) {
  command.add_option(
      "--routers", setup.folder,
      "Folder of the checkpoint that the trace was recorded from: its routers are applied to the "
      "recorded hidden states, for predictors gate-ahead and mlp");
  command.add_option(
      "--hidden", setup.hidden,
      "Those hidden states, as prophet trace record --hidden writes them; default: the file that "
      "the trace names");
}

LoadedRouters load_routers(const RoutersSetup& setup, const std::string& trace, const TraceToReplay& source,
                           std::uint32_t ahead_layers, bool of_itself) {
  LoadedRouters loaded;
  if (setup.folder.empty()) {
    if (setup.hidden.empty()) return loaded;
    throw Error(
        ErrorCode::usage,
        fmt::format("--hidden {}: expected --routers FOLDER beside it, the routers that take these states",
                    setup.hidden));
  }
  loaded.hidden = setup.hidden.empty() ? sidecar_of(trace) : setup.hidden;
  HiddenStatesReader hidden{std::filesystem::path(loaded.hidden)};
  const HostRouters routers(setup.folder);
  loaded.dtype = hidden.shape().dtype;
  loaded.of_itself = of_itself && loaded.dtype == HiddenDtype::fp32;
  RecordedLogitsOptions options;
  options.ahead_layers = ahead_layers;
  options.of_itself = loaded.of_itself;
  options.first_row = source.train_tokens;
  loaded.logits = in_file(fmt::format("--routers {} on {}", setup.folder, loaded.hidden), [&] {
    return std::make_shared<const RecordedLogits>(hidden, routers, source.trace, source.split.test, options);
  });
  return loaded;
}

std::string routers_line(const RoutersSetup& setup, const LoadedRouters& loaded) {
  if (loaded.logits == nullptr) return "";
  return fmt::format("routers {} on hidden states of {} ({}): they make {:.2f} % of the choices compared\n",
                     setup.folder, loaded.hidden, dtype_name(loaded.dtype), 100 * loaded.logits->agreement());
}

void add_routers_provenance(nlohmann::json& provenance, const RoutersSetup& setup,
                            const LoadedRouters& loaded) {
  provenance["routers"] = nullptr;
  if (loaded.logits == nullptr) return;
  provenance["routers"] = setup.folder;
  provenance["hidden_states"] = loaded.hidden;
  provenance["hidden_states_dtype"] = dtype_name(loaded.dtype);
  provenance["routers_agreement"] = loaded.logits->agreement();
}

}  // namespace prophet
