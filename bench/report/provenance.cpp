#include "bench/report/provenance.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/report/shell_text.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/base/whole_file.hpp"

namespace prophet {
namespace {

std::vector<std::string>& command_line() {
  static std::vector<std::string> words;
  return words;
}

}  // namespace

void remember_command_line(int argc, char** argv) {
  command_line().assign(argv, argv + argc);
}

std::string command_line_text() {
  return shell_text(command_line());
}

nlohmann::json provenance_json() {
  const Version version = program_version();
  return {{"argv", command_line()},
          {"version", version.version},
          {"git_commit", version.git_commit},
          {"git_dirty", version.git_dirty}};
}

void add_trace_provenance(nlohmann::json& provenance, const std::string& path, const RoutingTrace& trace) {
  provenance["trace"] = path;
  provenance["trace_model"] = trace.provenance().model;
  provenance["trace_source"] = trace.provenance().source;
  provenance["trace_licence"] = trace.provenance().licence;
  provenance["trace_synthetic"] = trace.provenance().synthetic;
  provenance["trace_tokens"] = trace.tokens();
  provenance["trace_sequences"] = trace.sequences().size();
}

void add_device_provenance(nlohmann::json& provenance, const DeviceInfo& device) {
  provenance["device"] = device.name;
  provenance["device_kind"] = device.kind;
  provenance["device_memory_bytes"] = device.memory_bytes;
  provenance["host_cores"] = device.host_cores;
  provenance["simulated"] = device.simulated;
  provenance["times_mean_something"] = device.times_mean_something;
}

namespace {

[[noreturn]] void refuse_path(const std::string& path) {
  throw Error(ErrorCode::usage,
              fmt::format("{}: cannot be written: expected a path in a folder that exists and "
                          "may be written to",
                          path));
}

}  // namespace

std::string json_text(const nlohmann::json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string json_text(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void check_one_stdout(const std::string& json_path, const std::string& csv_path) {
  if (json_path == "-" && csv_path == "-")
    throw Error(ErrorCode::usage, "--json - and --csv -: expected at most one of them on stdout");
}

void check_writable(const std::string& path) {
  if (path.empty() || path == "-" || is_written_through(path)) return;
  const std::string partial = path + ".partial";
  const bool writable = std::ofstream(partial, std::ios::binary | std::ios::trunc).good();
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  if (!writable || std::filesystem::is_directory(path, ignored)) refuse_path(path);
}

void write_text_file(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return;
  }
  if (!write_whole_file(path, text)) refuse_path(path);
}

}  // namespace prophet
