// What a program that was built without the CUDA toolkit can say of CUDA.
#include <dlfcn.h>
#include <fmt/format.h>

#include "runtime/device/cuda_driver.hpp"

namespace prophet {

CudaStatus cuda_status() {
  constexpr const char* driver_library = "libcuda.so.1";
  CudaStatus status;
  void* const handle = dlopen(driver_library, RTLD_NOW | RTLD_LOCAL);
  status.driver = handle != nullptr;
  if (handle != nullptr) dlclose(handle);
  status.missing = status.driver ? std::string("this program was built without the CUDA toolkit")
                                 : fmt::format("no CUDA driver: {} could not be loaded", driver_library);
  return status;
}

}  // namespace prophet
