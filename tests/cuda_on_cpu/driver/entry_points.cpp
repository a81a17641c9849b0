// How the CUDA runtime hands out the driver's functions, so that nobody links the driver.
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/cuda_on_cpu/cudart/calls.hpp"

namespace prophet::cuda_on_cpu {
namespace {

struct EntryPoint {
  const char* name;
  void* function;
};

/// Asked for by the name without its version, as CUDA's users do.
#define PROPHET_ENTRY_POINT(function)               \
  EntryPoint {                                      \
#function, reinterpret_cast < void*>(&function) \
  }

const EntryPoint* find_entry_point(const char* name) {
  static const std::array entry_points = {
      PROPHET_ENTRY_POINT(cuInit),
      PROPHET_ENTRY_POINT(cuDriverGetVersion),
      PROPHET_ENTRY_POINT(cuDeviceGetCount),
      PROPHET_ENTRY_POINT(cuDeviceGet),
      PROPHET_ENTRY_POINT(cuDeviceGetName),
      PROPHET_ENTRY_POINT(cuDeviceGetAttribute),
      PROPHET_ENTRY_POINT(cuDevicePrimaryCtxRetain),
      PROPHET_ENTRY_POINT(cuCtxGetCurrent),
      PROPHET_ENTRY_POINT(cuCtxSetCurrent),
      PROPHET_ENTRY_POINT(cuCtxGetDevice),
      PROPHET_ENTRY_POINT(cuCtxSynchronize),
      PROPHET_ENTRY_POINT(cuGetErrorName),
      PROPHET_ENTRY_POINT(cuGetErrorString),
      PROPHET_ENTRY_POINT(cuMemGetAllocationGranularity),
      PROPHET_ENTRY_POINT(cuMemAddressReserve),
      PROPHET_ENTRY_POINT(cuMemAddressFree),
      PROPHET_ENTRY_POINT(cuMemCreate),
      PROPHET_ENTRY_POINT(cuMemRelease),
      PROPHET_ENTRY_POINT(cuMemMap),
      PROPHET_ENTRY_POINT(cuMemUnmap),
      PROPHET_ENTRY_POINT(cuMemSetAccess),
      EntryPoint{"cuDeviceTotalMem", reinterpret_cast<void*>(&cuDeviceTotalMem)},
      EntryPoint{"cuDevicePrimaryCtxRelease", reinterpret_cast<void*>(&cuDevicePrimaryCtxRelease)},
      EntryPoint{"cuMemGetInfo", reinterpret_cast<void*>(&cuMemGetInfo)},
  };
  const auto found = std::find_if(entry_points.begin(), entry_points.end(), [name](const EntryPoint& entry) {
    return std::strcmp(entry.name, name) == 0;
  });
  return found == entry_points.end() ? nullptr : &*found;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned version,
                                                        unsigned long long flags,
                                                        cudaDriverEntryPointQueryResult* status) {
  return call(__func__, [&] {
    if (symbol == nullptr || function == nullptr || flags > cudaEnablePerThreadDefaultStream)
      return cudaErrorInvalidValue;
    const EntryPoint* found = find_entry_point(symbol);
    const bool old_enough = version <= CUDA_VERSION;
    *function = found != nullptr && old_enough ? found->function : nullptr;
    if (status != nullptr)
      *status = found == nullptr ? cudaDriverEntryPointSymbolNotFound
                : old_enough     ? cudaDriverEntryPointSuccess
                                 : cudaDriverEntryPointVersionNotSufficent;
    return cudaSuccess;
  });
}
