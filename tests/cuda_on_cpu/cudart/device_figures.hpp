#pragma once

#include <string>

/// The device that is played: the limits of an H100, as programs must respect them. No time follows from
/// them.
namespace prophet::cuda_on_cpu {

struct DeviceFigures {
  int multiprocessors = 132;
  int warp_threads = 32;
  int block_threads = 1024;
  int multiprocessor_threads = 2048;
  int multiprocessor_blocks = 32;
  int registers = 65536;
  int shared_bytes_per_block = 48 << 10;  ///< without cudaFuncSetAttribute
  int shared_bytes_per_block_optin = 227 << 10;
  int shared_bytes_per_multiprocessor = 228 << 10;
  int copy_engines = 3;
  int l2_bytes = 50 << 20;
  int memory_bus_bits = 5120;
  int clock_khz = 1'980'000;
  int memory_clock_khz = 2'619'000;
};
inline constexpr DeviceFigures figures{};

[[nodiscard]] std::string device_name(int device);

/// Attributes have the same numbers in the runtime and in the driver. False for one that is none.
[[nodiscard]] bool device_attribute(int attribute, int device, int& value);

/// Errors have the same numbers in the runtime and in the driver; CUDA's own names and words.
[[nodiscard]] const char* error_name(int error);
[[nodiscard]] const char* error_text(int error);

}  // namespace prophet::cuda_on_cpu
