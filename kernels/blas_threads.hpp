#pragma once

#include <string>

namespace prophet::kernels {

/// Holds OpenBLAS to one thread for the life of the process: operations of different streams run at once,
/// each on its own worker, and a product split among threads would make times and, in the last bit, results
/// depend on who else is running. Every reference that calls OpenBLAS does this first; calling it again costs
/// nothing. Thread-safe.
void use_one_blas_thread() noexcept;

/// OpenBLAS's description of itself: version and the processor it picked its routines for.
[[nodiscard]] std::string blas_description();

}  // namespace prophet::kernels
