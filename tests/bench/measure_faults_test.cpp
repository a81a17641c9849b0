// Every CUDA call that the measurements reach fails once: nothing leaks, and the error is the right one.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "bench/measure/measurements.hpp"
#include "prophet/error.hpp"
#include "tests/cuda_on_cpu/control.hpp"

namespace prophet::measure {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr Repetitions once{1, 0};

struct Measurement {
  std::string name;
  std::function<void()> run;
};

void PrintTo(const Measurement& measurement, std::ostream* out) {
  *out << measurement.name;
}

class MeasureFaults : public ::testing::TestWithParam<Measurement> {
 protected:
  void TearDown() override { vehicle::clear_faults(); }

  /// The error that it ended with, if any.
  std::optional<ErrorCode> run() {
    try {
      GetParam().run();
      return std::nullopt;
    } catch (const Error& error) {
      sentence_ = error.what();
      return error.code();
    }
  }
  std::map<std::string, std::uint64_t> sites() {
    vehicle::forget_calls();
    EXPECT_EQ(run(), std::nullopt) << sentence_;
    return vehicle::calls();
  }

  std::string sentence_;
};

/// Calls whose answer is not needed: without it less is known, and said so.
bool may_fail_unnoticed(const std::string& function) {
  return function == "cudaDeviceGetPCIBusId" || function == "cudaDriverGetVersion" ||
         function == "cudaDeviceGetAttribute";
}

/// Of the owners that live until the measurement ends: what they give back last, nobody is told of.
bool gives_back(const std::string& function) {
  return function.find("Destroy") != std::string::npos || function.find("Free") != std::string::npos ||
         function.find("Unregister") != std::string::npos;
}

TEST_P(MeasureFaults, ACallThatFailsOnceLeaksNothingAndIsTold) {
  const auto all = sites();
  ASSERT_GT(all.size(), 10U);
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const auto& [function, count] : all) {
    for (const std::uint64_t nth : std::set<std::uint64_t>{1, (count + 1) / 2, count}) {
      for (const cudaError_t error : {cudaErrorMemoryAllocation, cudaErrorInvalidValue}) {
        SCOPED_TRACE(function + " number " + std::to_string(nth) + " of " + std::to_string(count) + ": " +
                     cudaGetErrorName(error));
        vehicle::forget_calls();
        vehicle::fail_call(function, nth, error);
        const auto ending = run();
        vehicle::clear_faults();
        if (vehicle::calls()[function] < nth) {
          // What is past already is not waited for: a run may make fewer calls, and never meet the fault.
          EXPECT_FALSE(ending) << sentence_;
          EXPECT_GT(nth, 1U);
        } else {
          EXPECT_TRUE(ending || may_fail_unnoticed(function) || gives_back(function));
        }
        if (ending && *ending != ErrorCode::no_device) {
          const bool is_memory = error == cudaErrorMemoryAllocation;
          EXPECT_EQ(*ending, is_memory ? ErrorCode::out_of_memory : ErrorCode::check_failed) << sentence_;
        }
        EXPECT_EQ(vehicle::live_objects(), before) << vehicle::to_string(vehicle::live_objects());
      }
    }
  }
}

TEST_P(MeasureFaults, AnOperationThatFailsIsALostDevice) {
  static_cast<void>(sites());
  const std::uint64_t operations = vehicle::operations();
  ASSERT_GT(operations, 10U);
  for (std::uint64_t nth = 1; nth <= operations; nth += 1 + operations / 20) {
    SCOPED_TRACE("operation " + std::to_string(nth) + " of " + std::to_string(operations));
    vehicle::forget_calls();
    vehicle::fail_operation(nth, cudaErrorLaunchFailure);
    EXPECT_EQ(run(), ErrorCode::device_lost) << sentence_;
    vehicle::clear_faults();
  }
}

void measure_some_copies() {
  static_cast<void>(measure_copies({0, {256, 1024}, 4, once, 1}));
}

void measure_some_kernels() {
  KernelRequest request;
  request.models = {"tiny"};
  request.only = {"graph", "verify", "expert_ffn_list", "expert_ffn_blas", "predict"};
  request.crossover_rows = {1};
  request.repetitions = once;
  static_cast<void>(measure_kernels(request));
}

void measure_a_boundary() {
  static_cast<void>(measure_boundary({0, 2U << 20, 1U << 20, {2}, once, 1}));
}

INSTANTIATE_TEST_SUITE_P(All, MeasureFaults,
                         ::testing::Values(Measurement{"Copies", measure_some_copies},
                                           Measurement{"Kernels", measure_some_kernels},
                                           Measurement{"Boundary", measure_a_boundary}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace prophet::measure
