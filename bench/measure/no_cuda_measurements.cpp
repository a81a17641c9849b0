// What `prophet measure` can say in a program that was built without the CUDA toolkit.
#include "bench/measure/measurements.hpp"
#include "prophet/error.hpp"

namespace prophet::measure {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorCode::no_device,
              "cuda: this program was built without the CUDA toolkit, expected a build that found it");
}

}  // namespace

MeasuredCopies measure_copies(const CopyRequest&) {
  refuse();
}

MeasuredKernels measure_kernels(const KernelRequest&) {
  refuse();
}

MeasuredBoundary measure_boundary(const BoundaryRequest&) {
  refuse();
}

}  // namespace prophet::measure
