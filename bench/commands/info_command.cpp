#include <fmt/format.h>
#include <lzma.h>
#include <zstd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "bench/commands/commands.hpp"
#include "bench/report/provenance.hpp"
#include "kernels/blas_threads.hpp"
#include "runtime/base/version.hpp"
#include "runtime/device/cpu/host_memory.hpp"
#include "runtime/device/cuda_driver.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {
namespace {

using nlohmann::json;

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const auto colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

json build_json() {
  return {{"compiler", PROPHET_COMPILER},
          {"build_type", PROPHET_BUILD_TYPE},
          {"sanitizers", PROPHET_SANITIZERS},
          {"assertions",
#ifdef NDEBUG
           false
#else
           true
#endif
          }};
}

json libraries_json() {
  return {{"openblas", kernels::blas_description()},
          {"zstd", ZSTD_versionString()},
          {"liblzma", lzma_version_string()},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"cli11", CLI11_VERSION}};
}

json host_json() {
  return {{"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"memory_bytes", host_total_bytes()},
          {"memory_available_bytes", host_available_bytes()}};
}

json cuda_json(const CudaStatus& status) {
  return {{"toolkit_version", status.toolkit_version},
          {"test_vehicle", status.test_vehicle},
          {"driver_found", status.driver},
          {"driver_version", status.driver_version},
          {"gpus", status.devices}};
}

/// The devices that --device takes here.
json devices_json(const CudaStatus& cuda) {
  json devices = json::array({"cpu"});
  for (std::size_t i = 0; i < cuda.devices.size(); ++i) devices.push_back(fmt::format("cuda:{}", i));
  for (const std::string& profile : gpu_profile_names()) devices.push_back("sim:" + profile);
  return devices;
}

/// What a user might expect and this build or machine has not; empty when nothing is missing.
json missing_json(const CudaStatus& status) {
  json missing = json::array();
  if (status.test_vehicle)
    missing.push_back("a GPU: this build runs CUDA sources on the CPU, for tests; its times mean nothing");
  if (!status.toolkit) missing.push_back("the CUDA toolkit: it was not found when Prophet was built");
  if (!status.missing.empty()) missing.push_back("a CUDA GPU: " + status.missing);
  return missing;
}

json info_json() {
  const CudaStatus cuda = cuda_status();
  return {{"schema_version", report_schema_version},
          {"provenance", provenance_json()},
          {"build", build_json()},
          {"libraries", libraries_json()},
          {"host", host_json()},
          {"devices", devices_json(cuda)},
          {"cuda", cuda_json(cuda)},
          {"missing", missing_json(cuda)}};
}

std::string text(const json& value) {
  const auto& string = value.get_ref<const std::string&>();
  return string.empty() ? "none" : string;
}

double gib(const json& bytes) {
  return static_cast<double>(bytes.get<std::uint64_t>()) / 0x1p30;
}

void print_list(const char* title, const json& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    fmt::print("{:<12} {}\n", i == 0 ? title : "", text(entries[i]));
  }
}

void print_info(const json& info) {
  const Version version = program_version();
  fmt::print("{:<12} {}, commit {}{}\n", "prophet", version.version, version.git_commit,
             version.git_dirty ? ", modified" : "");
  const json& build = info["build"];
  fmt::print("{:<12} {}, {}, sanitizers {}, assertions {}\n", "build", text(build["compiler"]),
             text(build["build_type"]), text(build["sanitizers"]),
             build["assertions"].get<bool>() ? "on" : "off");
  for (const auto& [name, library] : info["libraries"].items())
    fmt::print("{:<12} {}\n", name, text(library));
  const json& host = info["host"];
  fmt::print("{:<12} {}, {} cores\n", "host", text(host["cpu"]), host["cores"].get<unsigned>());
  fmt::print("{:<12} {:.2f} GiB, {:.2f} GiB available\n", "memory", gib(host["memory_bytes"]),
             gib(host["memory_available_bytes"]));
  print_list("devices", info["devices"]);
  const json& cuda = info["cuda"];
  fmt::print("{:<12} toolkit {}, driver {}\n", "cuda", text(cuda["toolkit_version"]),
             cuda["driver_found"].get<bool>() ? text(cuda["driver_version"]) : "not found");
  print_list("gpus", cuda["gpus"]);
  print_list("missing", info["missing"]);
}

}  // namespace

void add_info_command(CLI::App& app) {
  auto json_path = std::make_shared<std::string>();
  auto* command = app.add_subcommand("info", "This build, this machine, its devices, and what is missing");
  command->add_option("--json", *json_path, "Write the same as JSON to this file; - is stdout");
  command->callback([json_path] {
    const json info = info_json();
    if (*json_path != "-") print_info(info);
    if (!json_path->empty()) write_text_file(*json_path, json_text(info));
  });
}

}  // namespace prophet
