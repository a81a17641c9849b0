// Every CUDA call and every operation that a small replay reaches fails once, in every way: nothing leaks,
// hangs or comes out wrong.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>

#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/device/cuda_device.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/engine/scenario.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/support/time_limit.hpp"

namespace prophet::engine_test {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr ScenarioOptions sizes{
    .layers = 2, .experts = 6, .top_k = 2, .sequences = 6, .mean_tokens = 4, .prefill_tokens = 3};
constexpr std::chrono::seconds hang{120};  // a replay takes some milliseconds

/// How a replay reaches CUDA.
struct Way {
  const char* name;
  const char* predictor;
  bool verify;
  bool batch_copies;
  bool time_operations;
  std::uint32_t captured_tokens;
  MissMode miss = MissMode::copy;
};

void PrintTo(const Way& way, std::ostream* out) {
  *out << way.name;
}

constexpr Way ways[] = {
    {"OnDemand", "none", true, true, true, 0},
    {"Prefetching", "oracle", true, true, true, 0},
    {"Unverified", "oracle", false, true, true, 0},
    {"PlainCopies", "oracle", true, false, true, 0},
    {"Captured", "none", true, true, true, 1},
    {"Untimed", "oracle", false, true, false, 0},
    {"OnTheHost", "none", true, true, true, 0, MissMode::host},
    {"InPlace", "none", true, true, true, 0, MissMode::in_place},
};

/// How a replay ended: with a digest of its outputs, or with an error.
struct Ending {
  std::optional<std::uint64_t> digest;
  std::uint64_t prefetches = 0;
  std::uint64_t captured_steps = 0;
  std::optional<ErrorCode> error;
  std::string sentence;
};

std::string name_of(const std::string& what, std::uint64_t nth, std::uint64_t count, cudaError_t error) {
  return what + " number " + std::to_string(nth) + " of " + std::to_string(count) + ": " +
         cudaGetErrorName(error);
}

class CudaFaults : public ::testing::TestWithParam<Way> {
 protected:
  CudaFaults() : scenario_(sizes), how_(scenario_.middling()) {
    how_.predictor = GetParam().predictor;
    how_.engine.verify = GetParam().verify;
    how_.engine.cache = {4, 2};
    how_.engine.captured_tokens = GetParam().captured_tokens;
    how_.engine.miss.mode = GetParam().miss;
    how_.engine.miss.tokens_max = 1;
    how_.schedule.steps = 3;
    options_.batch_copies = GetParam().batch_copies;
    options_.host_cores = 3;
    options_.crossover_rows = 2;  // experts with one row take the few-token way, others that of cuBLAS
    options_.time_operations = GetParam().time_operations;
    vehicle::Machine roomy = vehicle::machine();
    roomy.memory_bytes = std::size_t{1} << 40;  // what lost devices held is not given back
    vehicle::set_machine(roomy);
    vehicle::forget_calls();
    undisturbed_ = replay("nothing fails");
    EXPECT_TRUE(undisturbed_.digest) << undisturbed_.sentence;
    EXPECT_EQ(undisturbed_.prefetches != 0, how_.predictor != "none");
    EXPECT_EQ(undisturbed_.captured_steps != 0, GetParam().captured_tokens != 0);
    sites_ = vehicle::calls();
    operations_ = vehicle::operations();
  }
  ~CudaFaults() override { vehicle::clear_faults(); }

  [[nodiscard]] Ending replay(const std::string& fault) {
    const testing::TimeLimit limit(hang, fault);
    Ending ending;
    try {
      const auto device = make_cuda_device(options_);
      const ReplayMetrics metrics = scenario_.replay(*device, how_);
      ending.digest = metrics.outputs_digest;
      ending.prefetches = metrics.prefetches_issued;
      ending.captured_steps = metrics.captured_steps + metrics.captured_steps_left;
    } catch (const Error& error) {
      ending.error = error.code();
      ending.sentence = error.what();
    }
    return ending;
  }
  [[nodiscard]] Ending fail_operation(std::uint64_t nth, cudaError_t error, vehicle::Told told) {
    const std::string fault = name_of("operation", nth, operations_, error);
    vehicle::forget_calls();
    vehicle::fail_operation(nth, error, told);
    Ending ending = replay(fault);
    vehicle::clear_faults();
    EXPECT_TRUE(ending.error || ending.digest == undisturbed_.digest) << fault;
    // What fails while steps are captured may be answered by not capturing them.
    const bool answered = GetParam().captured_tokens != 0 && ending.captured_steps == 0;
    EXPECT_TRUE(ending.error || answered || vehicle::operations() < nth) << fault << ": nobody was told";
    return ending;
  }
  static void expect_no_more_than(const vehicle::LiveObjects& before) {
    EXPECT_TRUE(vehicle::live_objects() == before)
        << vehicle::to_string(vehicle::live_objects()) << "; before " << vehicle::to_string(before);
  }

  Scenario scenario_;
  Replay how_;
  CudaOptions options_;
  Ending undisturbed_;
  std::map<std::string, std::uint64_t>
      sites_;  ///< calls of one undisturbed replay, from making the device on
  std::uint64_t operations_ = 0;
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

TEST_P(CudaFaults, ACallThatFailsOnceLeaksNothingAndChangesNoResult) {
  ASSERT_GT(sites_.size(), 15U);
  for (const char* function :
       {"cublasCreate", "cublasSetWorkspace", "cublasGemmGroupedBatchedEx", "cublasDestroy"})
    EXPECT_TRUE(sites_.contains(function)) << function;
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const auto& [function, count] : sites_) {
    for (const std::uint64_t nth : some_of(count)) {
      for (const cudaError_t error : {cudaErrorMemoryAllocation, cudaErrorInvalidValue, cudaErrorNotReady}) {
        if (error == cudaErrorNotReady && is_of_cublas(function)) continue;  // it has no such status
        const std::string fault = name_of(function, nth, count, error);
        SCOPED_TRACE(fault);
        vehicle::fail_call(function, nth, error);
        const Ending ending = replay(fault);
        vehicle::clear_faults();
        EXPECT_TRUE(ending.error || ending.digest == undisturbed_.digest) << *ending.digest;
        EXPECT_TRUE(ending.digest || is_right(*ending.error, error)) << ending.sentence;
        expect_no_more_than(before);
      }
    }
  }
}

TEST_P(CudaFaults, ALostDeviceIsNeverAskedAgain) {
  for (const auto& [function, count] : sites_) {
    for (const std::uint64_t nth : some_of(count)) {
      const std::string fault = name_of(function, nth, count, cudaErrorIllegalAddress);
      SCOPED_TRACE(fault);
      const testing::TimeLimit limit(hang, fault);
      std::map<std::string, std::uint64_t> after;
      {
        std::unique_ptr<CudaDevice> device;
        vehicle::fail_call(function, nth, cudaErrorIllegalAddress);
        try {
          device = make_cuda_device(options_);
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

// Only a replay that never came to the operation has a result: how many there are depends on which prefetches
// come in time. What a lost device held stays until the process ends.
TEST_P(CudaFaults, AnOperationThatLosesTheDeviceEndsTheReplay) {
  ASSERT_GT(operations_, 20U);
  for (const cudaError_t error : {cudaErrorECCUncorrectable, cudaErrorLaunchFailure}) {
    for (std::uint64_t nth = 1; nth <= operations_; nth += 1 + operations_ / 25) {
      const Ending ending = fail_operation(nth, error, vehicle::Told::by_waiting);
      EXPECT_EQ(ending.error.value_or(ErrorCode::device_lost), ErrorCode::device_lost) << ending.sentence;
    }
  }
}

// What stands behind an operation that was not made may read what is not there, and lose the device.
TEST_P(CudaFaults, AnOperationThatFailsIsToldWhoeverHearsOfItFirst) {
  Random random(testing::fresh_seed());
  for (const vehicle::Told told : {vehicle::Told::by_waiting, vehicle::Told::by_any_call}) {
    const vehicle::Machine machine = vehicle::machine();
    vehicle::Machine eager = machine;
    eager.eager = told == vehicle::Told::by_any_call;  // so that the next call is the one that tells
    vehicle::set_machine(eager);
    for (const cudaError_t error : {cudaErrorMemoryAllocation, cudaErrorInvalidValue}) {
      // "No memory" is what a prefetch may be refused with, and the rest goes on without it.
      const bool all = eager.eager && error == cudaErrorMemoryAllocation;
      const std::uint64_t stride = all ? 1 : 1 + operations_ / 30;
      for (std::uint64_t nth = 1 + random.below(stride); nth <= operations_; nth += stride) {
        const vehicle::LiveObjects before = vehicle::live_objects();
        const Ending ending = fail_operation(nth, error, told);
        if (ending.error == ErrorCode::device_lost) continue;
        EXPECT_TRUE(ending.digest || is_right(*ending.error, error)) << ending.sentence;
        expect_no_more_than(before);
      }
    }
    vehicle::set_machine(machine);
  }
}

TEST_P(CudaFaults, WhatCudaDoesNotSupportIsDoneAnotherWay) {
  for (const char* function :
       {"cudaHostRegister", "cudaMemcpyBatchAsync", "cudaGraphConditionalHandleCreate", "cudaGraphAddNode",
        "cudaStreamBeginCaptureToGraph", "cudaStreamEndCapture", "cudaGraphInstantiate"}) {
    if (!sites_.contains(function)) continue;
    const vehicle::LiveObjects before = vehicle::live_objects();
    vehicle::fail_call(function, 1, cudaErrorNotSupported);
    const Ending ending = replay(function);
    vehicle::clear_faults();
    EXPECT_EQ(ending.digest, undisturbed_.digest) << function << ": " << ending.sentence;
    expect_no_more_than(before);
  }
}

INSTANTIATE_TEST_SUITE_P(Replay, CudaFaults, ::testing::ValuesIn(ways),
                         [](const auto& way) { return way.param.name; });

Ending open(const CudaOptions& options) {
  Ending ending;
  try {
    static_cast<void>(make_cuda_device(options));
  } catch (const Error& error) {
    ending.error = error.code();
    ending.sentence = error.what();
  }
  return ending;
}

TEST(CudaDeviceThatIsNot, WithoutAGpuIsNoDeviceAndOneSentence) {
  const vehicle::Machine machine = vehicle::machine();
  vehicle::Machine empty = machine;
  empty.device_count = 0;
  vehicle::set_machine(empty);
  const Ending ending = open({});
  vehicle::set_machine(machine);
  EXPECT_EQ(ending.error, ErrorCode::no_device);
  EXPECT_EQ(ending.sentence.find('\n'), std::string::npos);
  EXPECT_NE(ending.sentence.find("cuda:0"), std::string::npos) << ending.sentence;
}

TEST(CudaDeviceThatIsNot, BeyondTheGpusIsNoDevice) {
  CudaOptions options;
  options.ordinal = 7;
  EXPECT_EQ(open(options).error, ErrorCode::no_device);
}

}  // namespace
}  // namespace prophet::engine_test
