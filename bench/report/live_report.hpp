#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/commands/live_setup.hpp"

namespace prophet {

/// The head of the human report: which model ran, where, on what, and every term of the memory.
[[nodiscard]] std::string live_preamble(const LiveSetup& setup, const LoadedLive& loaded,
                                        const LiveRow& first);
/// The same as JSON.
[[nodiscard]] nlohmann::json live_provenance(const LiveSetup& setup, const LoadedLive& loaded,
                                             const LiveRow& first);

}  // namespace prophet
