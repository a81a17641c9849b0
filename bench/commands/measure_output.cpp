#include "bench/commands/measure_output.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/device/cuda_driver.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet {
namespace {

using measure::MeasuredAgainst;
using measure::MeasuredGpu;
using measure::Repetitions;

std::string device_name(const MeasuredGpu& gpu) {
  return fmt::format("{}:{}", gpu.times_mean_something ? "cuda" : "cuda-on-cpu", gpu.ordinal);
}

std::string device_text(const MeasuredGpu& gpu) {
  if (!gpu.times_mean_something)
    return fmt::format("device  {}: CUDA sources on the CPU, a test vehicle: no times\n", device_name(gpu));
  const CudaStatus cuda = cuda_status();
  return fmt::format(
      "device  {}: {}, compute capability {}.{}, {:.1f} GiB, second-level cache {} MiB; driver for CUDA {}, "
      "toolkit {}\n",
      device_name(gpu), gpu.name, gpu.compute_major, gpu.compute_minor,
      static_cast<double>(gpu.memory_bytes) / (1ULL << 30), gpu.l2_bytes >> 20, cuda.driver_version,
      cuda.toolkit_version);
}

std::string profile_text(const MeasuredAgainst& against) {
  if (!against.profile) return "profile none: shares and bounds are left out; --profile names one\n";
  const GpuProfile& profile = *against.profile;
  return fmt::format(
      "profile {}{}: link {:.1f} GB/s to the device, {:.1f} GB/s to the host; memory {:.0f} GB/s\n",
      profile.name, profile.measured ? ", fitted to a device" : "", profile.link_bytes_per_s / 1e9,
      profile.link_down_bytes_per_s / 1e9, profile.memory_bytes_per_s / 1e9);
}

std::string preamble(const MeasureOptions& options, const MeasuredGpu& gpu, const MeasuredAgainst& against,
                     const Repetitions& repetitions) {
  const Version version = program_version();
  std::string text = device_text(gpu) + profile_text(against);
  if (!gpu.pinned.empty()) text += fmt::format("pinned  {}\n", gpu.pinned);
  text += "command " + command_line_text() + "\n";
  text += fmt::format("run     seed {}, {} repetitions after {} that do not count; prophet {} ({}{})\n\n",
                      options.seed, repetitions.timed, repetitions.untimed, version.version,
                      version.git_commit, version.git_dirty ? ", modified" : "");
  return text;
}

/// What measured figures are compared with; null without a profile.
nlohmann::json profile_json(const MeasuredAgainst& against) {
  if (!against.profile) return nullptr;
  return {{"name", against.profile->name},
          {"measured", against.profile->measured},
          {"link_bytes_per_s", against.profile->link_bytes_per_s},
          {"link_down_bytes_per_s", against.profile->link_down_bytes_per_s},
          {"memory_bytes_per_s", against.rates.memory_bytes_per_s},
          {"flops_per_s", against.rates.matrix_flops_per_s},
          {"vector_flops_per_s", against.rates.vector_flops_per_s}};
}

nlohmann::json provenance(const MeasureOptions& options, const MeasuredGpu& gpu,
                          const MeasuredAgainst& against, const Repetitions& repetitions) {
  const CudaStatus cuda = cuda_status();
  nlohmann::json answer = provenance_json();
  answer["device"] = device_name(gpu);
  answer["device_kind"] = gpu.times_mean_something ? "cuda" : "cuda-on-cpu";
  answer["device_model"] = gpu.name;
  answer["device_memory_bytes"] = gpu.memory_bytes;
  answer["l2_bytes"] = gpu.l2_bytes;
  answer["compute_capability"] = fmt::format("{}.{}", gpu.compute_major, gpu.compute_minor);
  answer["driver_version"] = cuda.driver_version;
  answer["toolkit_version"] = cuda.toolkit_version;
  answer["pinned"] = gpu.pinned;
  answer["times_mean_something"] = gpu.times_mean_something;
  answer["profile"] = profile_json(against);
  answer["seed"] = options.seed;
  answer["repetitions"] = repetitions.timed;
  answer["repetitions_untimed"] = repetitions.untimed;
  return answer;
}

}  // namespace

int measured_ordinal(const MeasureOptions& options) {
  if (const auto ordinal = cuda_ordinal(options.device)) return *ordinal;
  throw Error(
      ErrorCode::usage,
      fmt::format("--device {}: expected cuda or cuda:N, the only devices that measure has anything to "
                  "measure on",
                  options.device));
}

Repetitions measured_repetitions(const MeasureOptions& options, std::uint32_t usual) {
  const bool is_vehicle = cuda_status().test_vehicle;
  const std::uint32_t own = is_vehicle ? 1 : usual;
  return {options.repetitions == 0 ? own : options.repetitions, is_vehicle ? 0U : 3U};
}

void report_measured(const MeasureOptions& options, const MeasuredGpu& gpu, const MeasuredAgainst& against,
                     const Repetitions& repetitions, const std::vector<MeasuredTable>& tables,
                     const std::string& legend) {
  if (options.json_path != "-" && options.csv_path != "-") {
    std::string text = preamble(options, gpu, against, repetitions);
    for (const MeasuredTable& table : tables) text += table.text + "\n";
    fmt::print("{}{}", text, legend);
  }
  if (!options.json_path.empty()) {
    nlohmann::ordered_json document = {{"schema_version", report_schema_version}};
    document["provenance"] = nlohmann::ordered_json(provenance(options, gpu, against, repetitions));
    for (const MeasuredTable& table : tables) document[table.key] = table.rows;
    write_text_file(options.json_path, json_text(document));
  }
  if (!options.csv_path.empty()) write_text_file(options.csv_path, measure::csv_text(tables.front().rows));
}

}  // namespace prophet
