#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/commands/replay_setup.hpp"

namespace prophet {

/// The head of the human report: what was replayed, where, and every term of the memory.
[[nodiscard]] std::string replay_preamble(const ReplaySetup& setup, LoadedReplay& loaded,
                                          const ReplayCase& what);
/// The same as JSON.
[[nodiscard]] nlohmann::json replay_provenance(const ReplaySetup& setup, LoadedReplay& loaded);

}  // namespace prophet
