#include "bench/calibrate/first_guess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "prophet/limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/engine/measure_link.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t probe_bytes = 64ULL << 20;

/// A copy within the device's memory reads and writes it.
double memory_bytes_per_s(Device& device) {
  const Buffer source(device, MemoryKind::device, probe_bytes);
  const Buffer destination(device, MemoryKind::device, probe_bytes);
  const Stream stream(device, StreamRole::demand_copy);
  constexpr std::uint32_t copies = 16;
  const auto copy_all = [&] {
    for (std::uint32_t i = 0; i < copies; ++i) {
      device.copy(stream.id(), destination.view().slice(0, probe_bytes), source.view().slice(0, probe_bytes),
                  0);
    }
    device.synchronize();
  };
  copy_all();
  const std::uint64_t begin_ns = device.now_ns();
  copy_all();
  const std::uint64_t took_ns = std::max<std::uint64_t>(1, device.now_ns() - begin_ns);
  return 2.0 * copies * static_cast<double>(probe_bytes) / static_cast<double>(took_ns) * 1e9;
}

void guess_cpu(GpuProfile& guess) {
  guess.memory_bytes_per_s = guess.link_bytes_per_s;
  guess.flops_per_s = 1e10;
  guess.copy_latency_ns = 5000;
  guess.launch_latency_ns = 5000;
  guess.event_latency_ns = 10000;
  guess.host_submit_ns = 500;
  guess.host_wake_ns = 20000;
}

void guess_gpu(GpuProfile& guess, Device& device) {
  // Data sheets have 10 (A100) to 20 (H100) operations in fp32 for each byte.
  constexpr double flops_per_byte = 15;
  guess.memory_bytes_per_s = memory_bytes_per_s(device);
  guess.flops_per_s = flops_per_byte * guess.memory_bytes_per_s;
  guess.copy_latency_ns = 2000;
  guess.launch_latency_ns = 2000;
  guess.event_latency_ns = 1500;
  guess.host_submit_ns = 2500;
  guess.host_wake_ns = 5000;
}

}  // namespace

GpuProfile first_guess(Device& device) {
  GpuProfile guess;
  guess.name = profile_name(device.info().name);
  guess.memory_bytes = device.info().memory_bytes;
  guess.link_bytes_per_s = measure_link_bytes_per_s(device, probe_bytes);
  guess.link_down_bytes_per_s = guess.link_bytes_per_s;
  device.info().kind == "cpu" ? guess_cpu(guess) : guess_gpu(guess, device);
  guess.vector_flops_per_s = guess.flops_per_s;
  guess.copy_rate_while_computing = 0.9;
  guess.compute_rate_while_copying = 0.9;
  guess.measured = true;
  return with_host_figures(guess);
}

std::string profile_name(const std::string& device_name) {
  std::string name;
  for (const char c : device_name) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) != 0) {
      name += static_cast<char>(std::tolower(letter));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name.resize(std::min<std::size_t>(name.size(), limits::profile_name_characters_max));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

ProfileSources calibration_sources(const DeviceInfo& device) {
  const Version version = program_version();
  ProfileSources sources;
  sources.all =
      fmt::format("fitted by prophet calibrate ({}, commit {}{}) to whole steps measured on {}",
                  version.version, version.git_commit, version.git_dirty ? ", modified" : "", device.name);
  sources.of = {{"memory_bytes", fmt::format("what {} has for a program", device.name)},
                {"flops_per_s", sources.all + ", whose experts are fp32: on a GPU it says nothing of "
                                              "16-bit products on matrix units"},
                {"vector_flops_per_s", "as flops_per_s: the experts of a calibration are fp32"},
                {"link_down_bytes_per_s", "not measured: as host to device before the fit"}};
  for (const char* field :
       {"host_memory_bytes_per_s", "host_cores", "host_flops_per_s", "zero_copy_bytes_per_s"})
    sources.of[field] = "not measured: what a profile that says nothing of its host is taken to have";
  return sources;
}

}  // namespace prophet
