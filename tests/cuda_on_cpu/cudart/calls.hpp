#pragma once

#include <driver_types.h>

#include <utility>

/// The one way into every call of the runtime, the driver and cuBLAS: counted by name, failed on demand, and
/// refused once an error is sticky.
namespace prophet::cuda_on_cpu {

/// Counts the call and says with what it must fail; cudaSuccess: it may begin.
[[nodiscard]] cudaError_t begin_call(const char* function);

/// Remembers an error for cudaGetLastError, and returns what the call returns.
cudaError_t end_call(cudaError_t result);

/// What an operation that failed when it ran left behind. Sticky errors stay, others are told once.
[[nodiscard]] cudaError_t take_late_error();

/// Says that an operation failed while it ran.
void report_late_error(cudaError_t error);

/// cudaSuccess, or what the operation that comes to run now must fail with.
[[nodiscard]] cudaError_t begin_operation();

[[nodiscard]] cudaError_t last_error(bool forget);

/// The body is a function that returns a cudaError_t.
template <class Body>
cudaError_t call(const char* function, Body&& body) {
  const cudaError_t refusal = begin_call(function);
  return end_call(refusal != cudaSuccess ? refusal : std::forward<Body>(body)());
}

/// A call that also tells what went wrong in operations before it.
template <class Body>
cudaError_t synchronising_call(const char* function, Body&& body) {
  return call(function, [&] {
    const cudaError_t own = body();
    const cudaError_t late = take_late_error();
    return own != cudaSuccess ? own : late;
  });
}

/// A call that releases something: it does so even when it returns an error.
template <class Body>
cudaError_t releasing_call(const char* function, Body&& body) {
  const cudaError_t refusal = begin_call(function);
  const cudaError_t own = std::forward<Body>(body)();
  return end_call(refusal != cudaSuccess ? refusal : own);
}

}  // namespace prophet::cuda_on_cpu
