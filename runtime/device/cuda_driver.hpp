#pragma once

#include <string>
#include <vector>

namespace prophet {

/// What this program and this machine have of CUDA. The driver library is looked for when asked, never
/// linked, so that one program starts with and without it.
struct CudaStatus {
  bool toolkit = false;              ///< compiled against the CUDA toolkit
  bool test_vehicle = false;         ///< built for the CPU, as tests do (docs/cuda.md): its GPUs are none
  std::string toolkit_version;       ///< "13.0"; empty without the toolkit
  bool driver = false;               ///< there is a driver
  std::string driver_version;        ///< the newest CUDA that the driver serves; empty when it was not asked
  std::vector<std::string> devices;  ///< names, in the driver's order
  std::string missing;               ///< one sentence on what stands in the way; empty when devices answer
};

/// Asks anew on each call. Does not throw on any state of the driver.
[[nodiscard]] CudaStatus cuda_status();

}  // namespace prophet
