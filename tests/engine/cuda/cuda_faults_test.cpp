// Every CUDA call that a small replay reaches fails once, in every way: nothing leaks, hangs or comes out
// wrong.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>

#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr ScenarioOptions sizes{
    .layers = 2, .experts = 6, .top_k = 2, .sequences = 6, .mean_tokens = 4, .prefill_tokens = 3};

/// Experts with one row take the few-token way, others that of cuBLAS.
std::unique_ptr<CudaDevice> device_of_both_ways() {
  CudaOptions options;
  options.crossover_rows = 2;
  return make_cuda_device(options);
}

/// How a replay ended: with a digest of its outputs, or with an error.
struct Ending {
  std::optional<std::uint64_t> digest;
  std::optional<ErrorCode> error;
  std::string sentence;
};

class CudaFaults : public ::testing::Test {
 protected:
  CudaFaults() : scenario_(sizes), how_(scenario_.middling()) {
    how_.predictor = "previous-token";
    how_.engine.cache = {4, 2};
    how_.schedule.steps = 3;
  }
  void TearDown() override { vehicle::clear_faults(); }

  [[nodiscard]] Ending replay() {
    Ending ending;
    try {
      const auto device = device_of_both_ways();
      ending.digest = scenario_.replay(*device, how_).outputs_digest;
    } catch (const Error& error) {
      ending.error = error.code();
      ending.sentence = error.what();
    }
    return ending;
  }

  /// The calls of one undisturbed replay, from making the device to its end.
  [[nodiscard]] std::map<std::string, std::uint64_t> sites() {
    vehicle::forget_calls();
    undisturbed_ = replay();
    EXPECT_TRUE(undisturbed_.digest) << undisturbed_.sentence;
    return vehicle::calls();
  }

  Scenario scenario_;
  Replay how_;
  Ending undisturbed_;
};

/// The first, one in the middle and the last of `count` calls.
std::set<std::uint64_t> some_of(std::uint64_t count) {
  return {1, (count + 1) / 2, count};
}

bool is_of_cublas(const std::string& function) {
  return function.rfind("cublas", 0) == 0;
}

/// What an error may become: its own meaning, or, while the device is being opened, that there is none.
bool is_right(ErrorCode found, cudaError_t injected) {
  if (found == ErrorCode::no_device) return true;
  if (injected == cudaErrorMemoryAllocation) return found == ErrorCode::out_of_memory;
  return found == ErrorCode::check_failed;
}

TEST_F(CudaFaults, ACallThatFailsOnceLeaksNothingAndChangesNoResult) {
  const auto all = sites();
  ASSERT_GT(all.size(), 15U);
  for (const char* function :
       {"cublasCreate", "cublasSetWorkspace", "cublasGemmGroupedBatchedEx", "cublasDestroy"})
    EXPECT_TRUE(all.contains(function)) << function;
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const auto& [function, count] : all) {
    for (const std::uint64_t nth : some_of(count)) {
      for (const cudaError_t error : {cudaErrorMemoryAllocation, cudaErrorInvalidValue, cudaErrorNotReady}) {
        SCOPED_TRACE(function + " number " + std::to_string(nth) + " of " + std::to_string(count) + ": " +
                     cudaGetErrorName(error));
        if (error == cudaErrorNotReady && is_of_cublas(function)) continue;  // it has no such status
        vehicle::fail_call(function, nth, error);
        const Ending ending = replay();
        vehicle::clear_faults();
        EXPECT_TRUE(ending.error || ending.digest == undisturbed_.digest) << *ending.digest;
        EXPECT_TRUE(ending.digest || is_right(*ending.error, error)) << ending.sentence;
        EXPECT_EQ(vehicle::live_objects(), before) << vehicle::to_string(vehicle::live_objects());
      }
    }
  }
}

TEST_F(CudaFaults, ALostDeviceIsNeverAskedAgain) {
  const auto all = sites();
  for (const auto& [function, count] : all) {
    for (const std::uint64_t nth : some_of(count)) {
      SCOPED_TRACE(function + " number " + std::to_string(nth) + " of " + std::to_string(count));
      std::map<std::string, std::uint64_t> after;
      {
        std::unique_ptr<CudaDevice> device;
        vehicle::fail_call(function, nth, cudaErrorIllegalAddress);
        try {
          device = device_of_both_ways();
          static_cast<void>(scenario_.replay(*device, how_, [] {}));
        } catch (const Error& error) {
          if (device == nullptr) {
            EXPECT_GE(error.code(), ErrorCode::no_device) << error.what();  // or lost while it was made
          } else {
            EXPECT_EQ(error.code(), ErrorCode::device_lost) << error.what();
            vehicle::forget_calls();
            EXPECT_THROW(static_cast<void>(device->now_ns()), Error);
            EXPECT_THROW(device->synchronize(), Error);
            EXPECT_THROW(static_cast<void>(device->allocate(MemoryKind::device, 1)), Error);
            device.reset();
            after = vehicle::calls();
          }
        }
      }
      EXPECT_TRUE(after.empty()) << after.begin()->first;
      vehicle::clear_faults();
    }
  }
}

TEST_F(CudaFaults, AnOperationThatFailsLaterEndsTheReplayAndNeverItsResult) {
  static_cast<void>(sites());
  const std::uint64_t operations = vehicle::operations();
  ASSERT_GT(operations, 20U);
  // What fails when it runs is always unrecoverable: a copy that did not happen would leave indices that lead
  // the next kernel astray.
  for (const cudaError_t error : {cudaErrorECCUncorrectable, cudaErrorLaunchFailure}) {
    for (std::uint64_t nth = 1; nth <= operations; nth += 1 + operations / 25) {
      SCOPED_TRACE("operation " + std::to_string(nth) + ": " + cudaGetErrorName(error));
      vehicle::fail_operation(nth, error);
      const Ending ending = replay();
      vehicle::clear_faults();
      if (ending.digest) {  // how many operations there are depends on which prefetches come in time
        EXPECT_EQ(ending.digest, undisturbed_.digest);
        EXPECT_GT(nth, operations / 2);
        continue;
      }
      EXPECT_EQ(*ending.error, ErrorCode::device_lost) << ending.sentence;
    }
  }
}

TEST_F(CudaFaults, WithoutAGpuThereIsNoDeviceAndOneSentence) {
  const vehicle::Machine machine = vehicle::machine();
  vehicle::Machine empty = machine;
  empty.device_count = 0;
  vehicle::set_machine(empty);
  const Ending ending = replay();
  vehicle::set_machine(machine);
  EXPECT_EQ(ending.error, ErrorCode::no_device);
  EXPECT_EQ(ending.sentence.find('\n'), std::string::npos);
  EXPECT_NE(ending.sentence.find("cuda:0"), std::string::npos) << ending.sentence;
}

TEST_F(CudaFaults, AnOrdinalBeyondTheGpusIsNoDevice) {
  CudaOptions options;
  options.ordinal = 7;
  try {
    static_cast<void>(make_cuda_device(options));
    FAIL() << "cuda:7 was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::no_device) << error.what();
  }
}

}  // namespace
}  // namespace prophet::engine_test
