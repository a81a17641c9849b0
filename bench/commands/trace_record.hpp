#pragma once

#include <CLI/CLI.hpp>

namespace prophet {

/// Adds `record` to the command `trace`.
void add_trace_record(CLI::App& trace);

}  // namespace prophet
