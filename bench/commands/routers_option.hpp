#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/commands/replay_trace.hpp"
#include "runtime/engine/recorded_logits.hpp"

namespace prophet {

/// Routers to apply to a trace's recorded hidden states.
struct RoutersSetup {
  std::string folder;  ///< of the checkpoint; empty: none are applied
  std::string hidden;  ///< sidecar; empty: the one that the trace names
};

/// Adds them to a subcommand.
void add_routers_options(CLI::App& command, RoutersSetup& setup);

/// What came of them.
struct LoadedRouters {
  std::shared_ptr<const RecordedLogits> logits;  ///< null: none were asked for
  std::string hidden;                            ///< the sidecar that was read
  HiddenDtype dtype = HiddenDtype::bf16;
  bool of_itself = false;  ///< each layer's own router was applied too
};

/// Applies the routers of the next `ahead_layers` layers to the decode tokens that `source` replays, and with
/// `of_itself` each layer's own where the hidden states were recorded as they were, in fp32. `trace` is what
/// --trace names. Throws Error{usage} for options that do not go together, Error{bad_input} for files that
/// are wrong or not of one model.
[[nodiscard]] LoadedRouters load_routers(const RoutersSetup& setup, const std::string& trace,
                                         const TraceToReplay& source, std::uint32_t ahead_layers,
                                         bool of_itself);

/// A line of a report's head; empty where no routers are applied.
[[nodiscard]] std::string routers_line(const RoutersSetup& setup, const LoadedRouters& loaded);
/// The same for machines.
void add_routers_provenance(nlohmann::json& provenance, const RoutersSetup& setup,
                            const LoadedRouters& loaded);

}  // namespace prophet
