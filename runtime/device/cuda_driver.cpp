#include "runtime/device/cuda_driver.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#ifdef PROPHET_HAVE_CUDA
#include <cuda.h>
#endif

namespace prophet {
namespace {

constexpr const char* driver_library = "libcuda.so.1";

/// Owns a handle of dlopen; false when the library is not there.
class SharedLibrary {
 public:
  explicit SharedLibrary(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;
  ~SharedLibrary() {
    if (handle_ != nullptr) dlclose(handle_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }
  template <class Function>
  [[nodiscard]] Function find(const char* symbol) const {
    return reinterpret_cast<Function>(dlsym(handle_, symbol));
  }

 private:
  void* handle_;
};

#ifdef PROPHET_HAVE_CUDA

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

/// The few functions of the driver that tell what there is.
struct Driver {
  decltype(&cuInit) init;
  decltype(&cuDriverGetVersion) get_version;
  decltype(&cuDeviceGetCount) get_count;
  decltype(&cuDeviceGetName) get_name;

  explicit Driver(const SharedLibrary& library)
      : init(library.find<decltype(&cuInit)>("cuInit")),
        get_version(library.find<decltype(&cuDriverGetVersion)>("cuDriverGetVersion")),
        get_count(library.find<decltype(&cuDeviceGetCount)>("cuDeviceGetCount")),
        get_name(library.find<decltype(&cuDeviceGetName)>("cuDeviceGetName")) {}

  [[nodiscard]] bool complete() const {
    return init != nullptr && get_version != nullptr && get_count != nullptr && get_name != nullptr;
  }
};

void ask_driver(const SharedLibrary& library, CudaStatus& status) {
  const Driver driver(library);
  if (!driver.complete()) {
    status.missing = fmt::format("{} lacks functions that every CUDA driver has", driver_library);
    return;
  }
  int version = 0;
  if (driver.get_version(&version) == CUDA_SUCCESS) status.driver_version = version_text(version);
  if (const CUresult result = driver.init(0); result != CUDA_SUCCESS) {
    status.missing =
        fmt::format("the CUDA driver does not start: cuInit returns {}", static_cast<int>(result));
    return;
  }
  int count = 0;
  if (driver.get_count(&count) != CUDA_SUCCESS) count = 0;
  for (int device = 0; device < count; ++device) {
    char name[256] = "unknown";
    driver.get_name(name, sizeof name - 1, device);
    status.devices.emplace_back(name);
  }
  if (status.devices.empty()) status.missing = "the CUDA driver counts no devices";
}

#endif

}  // namespace

CudaStatus cuda_status() {
  CudaStatus status;
  const SharedLibrary library(driver_library);
  status.driver = static_cast<bool>(library);
  if (!status.driver) status.missing = fmt::format("no CUDA driver: {} could not be loaded", driver_library);
#ifdef PROPHET_HAVE_CUDA
  status.toolkit = true;
  status.toolkit_version = version_text(CUDA_VERSION);
  if (status.driver) ask_driver(library, status);
#else
  if (status.driver) status.missing = "this program was built without the CUDA toolkit";
#endif
  return status;
}

}  // namespace prophet
