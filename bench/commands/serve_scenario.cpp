#include "bench/commands/serve_scenario.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "prophet/error.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet {
namespace {

struct Scenario {
  std::string_view name;
  const char* model;
  std::uint32_t batch_max;
  double memory_gib;  ///< so that about half of the experts fit beside a batch's KV
  std::uint32_t context_max;
  double load;  ///< of Azure's conversations
};

constexpr std::array<Scenario, 3> scenarios{{
    {"A", "qwen1.5-moe-a2.7b", 4, 20, 8192, 0.15},
    {"B", "deepseek-moe-16b", 32, 28, 4096, 0.25},
    {"C", "switch-base-128", 64, 8, 4096, 1},
}};

const Scenario& find(std::string_view name) {
  for (const Scenario& scenario : scenarios)
    if (scenario.name == name) return scenario;
  throw Error(ErrorCode::usage, fmt::format("--scenario {}: expected A, B or C", name));
}

template <class Value>
void set_unless_given(const CLI::App& command, const char* option, Value& value, Value scenarios_value) {
  if (command.count(option) == 0) value = scenarios_value;
}

}  // namespace

void apply_scenario(const CLI::App& command, ServeSetup& setup) {
  if (setup.scenario.empty()) return;
  const Scenario& scenario = find(setup.scenario);
  for (const char* option : {"--trace", "--model", "--sizes-of"}) {
    if (command.count(option) == 0) continue;
    throw Error(ErrorCode::usage, fmt::format("--scenario {} and {}: the scenario has a model and routing of "
                                              "its own, expected one of the two",
                                              setup.scenario, option));
  }
  setup.source.model = scenario.model;
  setup.source.trace = fmt::format("synthetic routing of {}", scenario.model);
  set_unless_given(command, "--batch-max", setup.batch_max, scenario.batch_max);
  set_unless_given(command, "--memory-gib", setup.memory_gib, scenario.memory_gib);
  set_unless_given(command, "--context-max", setup.context_max, scenario.context_max);
  set_unless_given(command, "--load", setup.load, scenario.load);
}

TraceToReplay synthesise_scenario(const ServeSetup& setup) {
  TraceToReplay source;
  source.model = load_model(setup.source.model);
  SynthOptions synth;
  synth.model = source.model.name;
  synth.layers = source.model.grid.layers;
  synth.experts = source.model.grid.experts;
  synth.top_k = source.model.top_k;
  synth.seed = setup.seed;
  source.trace = synthesise(synth);
  source.split = split_sequences(source.trace, 0, 0.0, setup.seed);
  return source;
}

}  // namespace prophet
