#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "bench/commands/replay_trace.hpp"
#include "bench/commands/serve_setup.hpp"

namespace prophet {

/// Gives the options of `command` that were not given the values of setup.scenario: A (chatbot, Qwen1.5-MoE,
/// 1 to 4 requests at a time), B (batch inference, DeepSeek-MoE, 16 to 32) or C (high throughput,
/// Switch-Base, 64). Throws Error{usage} for another name, and for a model or trace beside it.
void apply_scenario(const CLI::App& command, ServeSetup& setup);

/// The scenario's model with synthetic routing of its shape, since none of its routing has been recorded
/// here.
[[nodiscard]] TraceToReplay synthesise_scenario(const ServeSetup& setup);

}  // namespace prophet
