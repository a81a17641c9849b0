#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "bench/report/schema_version.hpp"
#include "runtime/device/device.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Remembers the command line for the results of this process. Call it once, first thing in main.
void remember_command_line(int argc, char** argv);
/// It, as a shell takes it: words that need quotes have them.
[[nodiscard]] std::string command_line_text();

/// What every result says about where it comes from: argv, version, git_commit, git_dirty.
[[nodiscard]] nlohmann::json provenance_json();
/// Adds trace, trace_model, trace_source, trace_licence, trace_synthetic, trace_tokens, trace_sequences.
void add_trace_provenance(nlohmann::json& provenance, const std::string& path, const RoutingTrace& trace);

/// Adds device, device_kind, device_memory_bytes, simulated, times_mean_something.
void add_device_provenance(nlohmann::json& provenance, const DeviceInfo& device);

/// A document as every command writes it. Bytes that are no UTF-8, which a command line may hold, become
/// U+FFFD.
[[nodiscard]] std::string json_text(const nlohmann::json& document);
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& document);

/// Throws Error{usage} for both on stdout.
void check_one_stdout(const std::string& json_path, const std::string& csv_path);

/// Throws Error{usage} as write_text_file would, before the work whose result is to go there; "" and "-"
/// pass.
void check_writable(const std::string& path);

/// Writes `text` to `path` as write_whole_file; "-" is stdout. Throws Error{usage} when it cannot.
void write_text_file(const std::string& path, const std::string& text);

}  // namespace prophet
