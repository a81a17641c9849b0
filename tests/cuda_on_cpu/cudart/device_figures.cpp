#include "tests/cuda_on_cpu/cudart/device_figures.hpp"

#include <driver_types.h>

#include "tests/cuda_on_cpu/control.hpp"

namespace prophet::cuda_on_cpu {

std::string device_name(int device) {
  return std::string("CUDA on CPU, a test vehicle, ") + std::to_string(device);
}

bool device_attribute(int attribute, int device, int& value) {
  if (attribute <= 0 || attribute >= cudaDevAttrMax) return false;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      value = figures.block_threads;
      break;
    case cudaDevAttrMaxBlockDimX:
      value = figures.block_threads;
      break;
    case cudaDevAttrMaxBlockDimY:
      value = figures.block_threads;
      break;
    case cudaDevAttrMaxBlockDimZ:
      value = 64;
      break;
    case cudaDevAttrMaxGridDimX:
      value = 0x7FFFFFFF;
      break;
    case cudaDevAttrMaxGridDimY:
      value = 65535;
      break;
    case cudaDevAttrMaxGridDimZ:
      value = 65535;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      value = figures.shared_bytes_per_block;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      value = figures.shared_bytes_per_block_optin;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      value = figures.shared_bytes_per_multiprocessor;
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      value = 1024;
      break;
    case cudaDevAttrTotalConstantMemory:
      value = 64 << 10;
      break;
    case cudaDevAttrWarpSize:
      value = figures.warp_threads;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
      value = figures.registers;
      break;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      value = figures.registers;
      break;
    case cudaDevAttrMultiProcessorCount:
      value = figures.multiprocessors;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      value = figures.multiprocessor_threads;
      break;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      value = figures.multiprocessor_blocks;
      break;
    case cudaDevAttrCanMapHostMemory:
      value = 1;
      break;
    case cudaDevAttrCanUseHostPointerForRegisteredMem:
      value = 1;
      break;
    case cudaDevAttrHostRegisterSupported:
      value = 1;
      break;
    case cudaDevAttrConcurrentKernels:
      value = 1;
      break;
    case cudaDevAttrAsyncEngineCount:
      value = figures.copy_engines;
      break;
    case cudaDevAttrUnifiedAddressing:
      value = 1;
      break;
    case cudaDevAttrStreamPrioritiesSupported:
      value = 1;
      break;
    case cudaDevAttrL2CacheSize:
      value = figures.l2_bytes;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      value = figures.memory_bus_bits;
      break;
    case cudaDevAttrClockRate:
      value = figures.clock_khz;
      break;
    case cudaDevAttrMemoryClockRate:
      value = figures.memory_clock_khz;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      value = machine().capability_major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      value = machine().capability_minor;
      break;
    case cudaDevAttrPciBusId:
      value = device + 1;
      break;
    case cudaDevAttrHostNumaId:
      value = -1;
      break;
    case 102:
      value = 1;
      break;  // CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, which only the driver names
    default:
      value = 0;
      break;
  }
  return true;
}

}  // namespace prophet::cuda_on_cpu
