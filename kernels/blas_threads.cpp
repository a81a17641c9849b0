#include "kernels/blas_threads.hpp"

#include <cblas.h>

namespace prophet::kernels {

void use_one_blas_thread() noexcept {
  static const bool set = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(set);
}

std::string blas_description() {
  return std::string(openblas_get_config()) + ", core " + openblas_get_corename();
}

}  // namespace prophet::kernels
