#include "bench/cuda/blas_handle.hpp"

#include "kernels/cuda/expert_products.hpp"

namespace prophet::measure {

BlasHandle::BlasHandle(cuda::Status& status) : status_(status) {
  status.check(kernels::cuda::cuda_error_of(cublasCreate(&handle_)), "cublasCreate", "measure kernels");
}

BlasHandle::~BlasHandle() {
  if (status_.lost()) return;
  status_.note(kernels::cuda::cuda_error_of(cublasDestroy(handle_)), "cublasDestroy", "measure kernels");
}

}  // namespace prophet::measure
