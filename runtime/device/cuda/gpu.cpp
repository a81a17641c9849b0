#include "runtime/device/cuda/gpu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>

namespace prophet::cuda {
namespace {

[[noreturn]] void refuse_device(const std::string& sentence) {
  throw Error(ErrorCode::no_device, sentence);
}

/// While nothing has been made yet there is nothing to lose: whatever stands in the way, there is no device.
void check_open(cudaError_t result, const char* call, int ordinal) {
  if (result == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  const std::string where = fmt::format("cuda:{}", ordinal);
  if (result == cudaErrorMemoryAllocation) {
    throw Error(ErrorCode::out_of_memory, sentence_of(result, call, where.c_str()));
  }
  refuse_device(fmt::format("{}: {} says {} ({}), expected a GPU that answers", where, call,
                            cudaGetErrorName(result), cudaGetErrorString(result)));
}

void check_there_is(int ordinal) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    refuse_device(fmt::format("cuda:{}: no CUDA driver is installed, expected one for CUDA {}.{} or newer",
                              ordinal, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10));
  }
  int count = 0;
  check_open(cudaGetDeviceCount(&count), "cudaGetDeviceCount", ordinal);
  if (ordinal >= count) {
    refuse_device(
        fmt::format("cuda:{}: the driver counts {} GPUs, expected a number below that", ordinal, count));
  }
}

std::optional<int> ask_numa_node(int ordinal) {
  constexpr int characters = 32;
  char pci_bus_id[characters] = "";
  const cudaError_t result = cudaDeviceGetPCIBusId(pci_bus_id, characters - 1, ordinal);
  if (is_unrecoverable(result)) check_open(result, "cudaDeviceGetPCIBusId", ordinal);
  if (result == cudaSuccess) return numa_node_of(pci_bus_id, "/sys");
  static_cast<void>(cudaGetLastError());
  return std::nullopt;  // memory is bound to no node then, and the report says so
}

/// 0 for what a driver does not tell: only the crossover comes of it.
int ask_attribute(cudaDeviceAttr attribute, int ordinal) {
  int value = 0;
  const cudaError_t result = cudaDeviceGetAttribute(&value, attribute, ordinal);
  if (is_unrecoverable(result)) check_open(result, "cudaDeviceGetAttribute", ordinal);
  if (result == cudaSuccess) return value;
  static_cast<void>(cudaGetLastError());
  return 0;
}

/// The kernels are compiled for GPUs from here on: what else there is would only be heard at the first
/// launch.
void check_capability(const cudaDeviceProp& properties, int ordinal) {
  constexpr int major_min = 8;
  if (properties.major >= major_min) return;
  refuse_device(fmt::format("cuda:{}: {} has compute capability {}.{}, expected {}.0 or more", ordinal,
                            properties.name, properties.major, properties.minor, major_min));
}

GpuFigures ask_figures(const cudaDeviceProp& properties, int ordinal) {
  GpuFigures figures;
  figures.major = properties.major;
  figures.minor = properties.minor;
  figures.multiprocessors = properties.multiProcessorCount;
  figures.clock_khz = ask_attribute(cudaDevAttrClockRate, ordinal);
  figures.memory_clock_khz = ask_attribute(cudaDevAttrMemoryClockRate, ordinal);
  figures.memory_bus_bits = ask_attribute(cudaDevAttrGlobalMemoryBusWidth, ordinal);
  return figures;
}

}  // namespace

int StreamPriorities::of(StreamRole role) const noexcept {
  if (role == StreamRole::demand_copy) return demand_copy;
  // A layer waits for what the host computes as it does for a copy.
  if (role == StreamRole::host_compute) return demand_copy;
  return role == StreamRole::compute ? compute : prefetch_copy;
}

StreamPriorities spread_priorities(int least, int greatest) noexcept {
  return {least + (greatest - least) / 2, greatest, least};
}

Gpu open_gpu(int ordinal) {
  check_there_is(ordinal);
  Gpu gpu;
  gpu.ordinal = ordinal;
  check_open(cudaSetDevice(ordinal), "cudaSetDevice", ordinal);
  cudaDeviceProp properties{};
  check_open(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties", ordinal);
  check_capability(properties, ordinal);
  gpu.name = properties.name;
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  check_open(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo", ordinal);
  gpu.free_bytes = free_bytes;
  gpu.total_bytes = total_bytes;
  int least = 0;
  int greatest = 0;
  check_open(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange",
             ordinal);
  gpu.priorities = spread_priorities(least, greatest);
  gpu.figures = ask_figures(properties, ordinal);
  gpu.numa_node = ask_numa_node(ordinal);
  return gpu;
}

void make_current(int ordinal, Status& status) {
  // The current device is the thread's, and whoever else uses CUDA on it may have changed it.
  int current = -1;
  status.check(cudaGetDevice(&current), "cudaGetDevice", "making the device current");
  if (current == ordinal) return;
  status.check(cudaSetDevice(ordinal), "cudaSetDevice", "making the device current");
}

std::optional<int> numa_node_of(std::string_view pci_bus_id, const std::string& sysfs) {
  std::string id(pci_bus_id);
  std::transform(id.begin(), id.end(), id.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  std::ifstream file(sysfs + "/bus/pci/devices/" + id + "/numa_node");
  int node = -1;
  if (!(file >> node) || node < 0) return std::nullopt;
  return node;
}

}  // namespace prophet::cuda
