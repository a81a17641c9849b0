#include "runtime/device/make_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {
namespace {

constexpr std::string_view sim_prefix = "sim:";
/// More than any model needs, and far from overflow when sizes are added.
constexpr std::uint64_t unlimited_bytes = 1ULL << 50;
constexpr std::string_view cuda_prefix = "cuda:";

void refuse_option(std::string_view device, const char* option, double value, const char* expected) {
  throw Error(ErrorCode::usage, fmt::format("{}: {} is {}, expected {}", device, option, value, expected));
}

void check_options(std::string_view name, const DeviceOptions& options) {
  const bool is_sim = name.substr(0, sim_prefix.size()) == sim_prefix;
  if (!std::isfinite(options.link_bytes_per_s) || options.link_bytes_per_s < 0) {
    refuse_option(name, "link_bytes_per_s", options.link_bytes_per_s, "a finite number from 0");
  }
  if (!std::isfinite(options.jitter_fraction) || options.jitter_fraction < 0) {
    refuse_option(name, "jitter_fraction", options.jitter_fraction, "a finite number from 0");
  }
  if (is_sim && options.link_bytes_per_s > 0) {
    refuse_option(name, "link_bytes_per_s", options.link_bytes_per_s,
                  "0: the profile states the link's rate");
  }
  if (!is_sim && options.ignore_capacity) {
    throw Error(ErrorCode::usage, fmt::format("{}: ignore_capacity is set, but only the sim can", name));
  }
  if (name != "cpu" && options.link_bytes_per_s > 0 && !is_sim) {
    refuse_option(name, "link_bytes_per_s", options.link_bytes_per_s, "0: only the cpu device throttles");
  }
  if (!std::isfinite(options.host_bytes_per_s) || options.host_bytes_per_s < 0) {
    refuse_option(name, "host_bytes_per_s", options.host_bytes_per_s, "a finite number from 0");
  }
  if (options.host_cores > limits::host_cores_max) {
    refuse_option(name, "host_cores", options.host_cores,
                  fmt::format("at most {}", limits::host_cores_max).c_str());
  }
  if (!is_sim && options.host_bytes_per_s > 0) {
    refuse_option(name, "host_bytes_per_s", options.host_bytes_per_s, "0: this host has the memory it has");
  }
  if (!is_sim && options.jitter_fraction > 0) {
    refuse_option(name, "jitter_fraction", options.jitter_fraction, "0: only the sim draws durations");
  }
}

void set_host(GpuProfile& profile, const DeviceOptions& options) {
  if (options.host_bytes_per_s > 0) profile.host_memory_bytes_per_s = options.host_bytes_per_s;
  if (options.host_cores == 0) return;
  profile.host_flops_per_s *=
      static_cast<double>(options.host_cores) / static_cast<double>(profile.host_cores);
  profile.host_cores = options.host_cores;
}

std::unique_ptr<Device> make_sim(std::string_view profile_name, const DeviceOptions& options) {
  GpuProfile profile = load_gpu_profile(profile_name);
  if (options.memory_bytes != 0) profile.memory_bytes = std::min(profile.memory_bytes, options.memory_bytes);
  if (options.ignore_capacity) profile.memory_bytes = unlimited_bytes;
  set_host(profile, options);
  return make_sim_device(profile, {options.jitter_fraction, options.seed, options.check_happens_before});
}

std::string known_devices() {
  std::string known = "cpu, cuda, cuda:N";
  for (const std::string& profile : gpu_profile_names()) known += ", sim:" + profile;
  return known + " or sim:FILE";
}

std::unique_ptr<Device> make_cuda(int ordinal, const DeviceOptions& options) {
  CudaOptions cuda;
  cuda.ordinal = ordinal;
  cuda.memory_bytes = options.memory_bytes;
  cuda.experts = options.experts;
  cuda.batch_copies = options.batch_copies;
  cuda.crossover_rows = options.crossover_rows;
  cuda.host_cores = options.host_cores;
  return make_cuda_device(cuda);
}

}  // namespace

std::optional<int> cuda_ordinal(std::string_view name) {
  if (name == "cuda") return 0;
  if (name.substr(0, cuda_prefix.size()) != cuda_prefix) return std::nullopt;
  const std::string_view digits = name.substr(cuda_prefix.size());
  int ordinal = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
  if (error != std::errc{} || end != digits.data() + digits.size() || ordinal < 0) return std::nullopt;
  return ordinal;
}

std::unique_ptr<Device> make_device(std::string_view name, const DeviceOptions& options) {
  check_options(name, options);
  if (name == "cpu")
    return make_cpu_device({options.memory_bytes, options.link_bytes_per_s, options.host_cores});
  if (name.substr(0, sim_prefix.size()) == sim_prefix)
    return make_sim(name.substr(sim_prefix.size()), options);
  if (const auto ordinal = cuda_ordinal(name)) return make_cuda(*ordinal, options);
  throw Error(ErrorCode::no_device, fmt::format("{}: no such device, expected {}", name, known_devices()));
}

}  // namespace prophet
