// What stands for the cuda device in a program that was built without CUDA.
#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"

namespace prophet {

std::unique_ptr<CudaDevice> make_cuda_device(const CudaOptions&) {
  throw Error(ErrorCode::no_device,
              "cuda: this program was built without the CUDA toolkit, expected a build that found it");
}

}  // namespace prophet
