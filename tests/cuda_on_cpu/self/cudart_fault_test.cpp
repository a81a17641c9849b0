#include "tests/cuda_on_cpu/self/vehicle_test.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

namespace prophet::cuda_on_cpu {
namespace {

class CudartFault : public VehicleTest {};

TEST_F(CudartFault, CallsAreCountedByName) {
  const OwnedStream stream;
  expect_ok(cudaStreamSynchronize(stream));
  expect_ok(cudaStreamSynchronize(stream));
  (void)simt::enqueue(dim3(1), dim3(1), 0, stream, nullptr, [] {});
  const auto seen = calls();
  EXPECT_EQ(seen.at("cudaStreamSynchronize"), 2U);
  EXPECT_EQ(seen.at("cudaStreamCreateWithPriority"), 1U);
  EXPECT_EQ(seen.at("cudaLaunchKernel"), 1U);
  forget_calls();
  EXPECT_TRUE(calls().empty());
  expect_ok(cudaStreamSynchronize(stream));
}

TEST_F(CudartFault, TheNamedCallFailsOnceAndDoesNothing) {
  fail_call("cudaMalloc", 2, cudaErrorMemoryAllocation);
  const auto first = device_memory<int>(1);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorMemoryAllocation);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(live_objects().device_buffers, 1U);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  expect_ok(cudaMalloc(&memory, 16));
  expect_ok(cudaFree(memory));
}

TEST_F(CudartFault, AReleaseThatFailsReleasesAllTheSame) {
  void* memory = nullptr;
  expect_ok(cudaMalloc(&memory, 16));
  fail_call("cudaFree", 1, cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_EQ(live_objects().device_buffers, 0U);
}

TEST_F(CudartFault, TheNthCallOfAnyNameFails) {
  fail_any_call(3, cudaErrorNotReady);
  const OwnedStream stream;
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorNotReady);
  expect_ok(cudaStreamSynchronize(stream));
}

TEST_F(CudartFault, AStickyErrorIsEveryLaterCallsError) {
  const auto memory = device_memory<int>(1);
  const OwnedStream stream;
  fail_call("cudaMemsetAsync", 1, cudaErrorIllegalAddress);
  EXPECT_EQ(cudaMemsetAsync(memory.data(), 0, 4, stream), cudaErrorIllegalAddress);
  void* more = nullptr;
  EXPECT_EQ(cudaMalloc(&more, 4), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress) << "asking does not take a sticky error back";
  for (const cudaError_t error : {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorECCUncorrectable})
    EXPECT_TRUE(is_sticky(error));
  for (const cudaError_t error : {cudaErrorMemoryAllocation, cudaErrorNotReady, cudaErrorInvalidValue})
    EXPECT_FALSE(is_sticky(error));
}

TEST_F(CudartFault, AnOperationThatFailsIsToldByTheNextSynchronisation) {
  for (const bool strict : {false, true}) {
    play(strict, 1);
    const OwnedStream stream;
    const auto memory = device_memory<unsigned char>(4);
    expect_ok(cudaMemset(memory.data(), 1, 4));
    expect_ok(cudaDeviceSynchronize());
    fail_operation(2, cudaErrorInvalidValue);
    expect_ok(cudaMemsetAsync(memory.data(), 2, 4, stream));
    expect_ok(cudaMemsetAsync(memory.data(), 3, 4, stream));
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidValue);
    expect_ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(read_back(memory)[0], 2);
  }
}

TEST_F(CudartFault, AnOperationThatFailsIsToldByTheNextCallWhereThatIsAsked) {
  Machine eager = machine();
  eager.eager = true;
  set_machine(eager);
  const OwnedStream stream;
  const auto memory = device_memory<unsigned char>(4);
  expect_ok(cudaMemset(memory.data(), 1, 4));
  fail_operation(1, cudaErrorInvalidValue, Told::by_any_call);
  expect_ok(cudaMemsetAsync(memory.data(), 2, 4, stream));
  cudaEvent_t event = nullptr;
  EXPECT_EQ(cudaEventCreate(&event), cudaErrorInvalidValue);
  EXPECT_EQ(event, nullptr) << "the call that tells does nothing else";
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(memory)[0], 1);
  fail_operation(1, cudaErrorInvalidValue, Told::by_any_call);
  expect_ok(cudaMemsetAsync(memory.data(), 3, 4, stream));
  void* const released = [] {
    void* made = nullptr;
    (void)cudaMalloc(&made, 4);
    return made;
  }();
  EXPECT_EQ(released, nullptr);
  expect_ok(cudaStreamSynchronize(stream));
}

TEST_F(CudartFault, OnAnEagerDeviceAnOperationIsOverWhenItsSubmissionReturns) {
  Machine eager = machine();
  eager.eager = true;
  set_machine(eager);
  const OwnedStream stream;
  const auto host = pinned_memory<unsigned char>(1 << 20);
  const auto memory = device_memory<unsigned char>(1 << 20);
  for (int value = 1; value < 20; ++value) {
    expect_ok(cudaMemsetAsync(memory.data(), value, memory.bytes(), stream));
    expect_ok(cudaMemcpyAsync(host.data(), memory.data(), host.bytes(), cudaMemcpyDeviceToHost, stream));
    ASSERT_EQ(host[host.size() - 1], value);
  }
}

TEST_F(CudartFault, AfterAStickyOperationNothingQueuedRunsAndNothingHangs) {
  for (const bool strict : {false, true}) {
    play(strict, 1);
    const OwnedStream stream;
    const OwnedStream other;
    const OwnedEvent event;
    const auto memory = device_memory<unsigned char>(4);
    const auto host = pinned_memory<unsigned char>(4);
    host[0] = 9;
    expect_ok(cudaDeviceSynchronize());
    fail_operation(1, cudaErrorLaunchFailure);
    expect_ok(cudaMemsetAsync(memory.data(), 1, 4, stream));
    const cudaError_t recorded = cudaEventRecord(event, stream);
    EXPECT_TRUE(recorded == cudaSuccess || recorded == cudaErrorLaunchFailure);
    (void)cudaStreamWaitEvent(other, event, 0);
    (void)cudaMemcpyAsync(host.data(), memory.data(), 4, cudaMemcpyDeviceToHost, other);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaStreamSynchronize(other), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    EXPECT_EQ(host[0], 9);
    clear_faults();
  }
}

TEST_F(CudartFault, NamesAndWordsAreCudas) {
  EXPECT_STREQ(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
  EXPECT_STREQ(cudaGetErrorName(cudaSuccess), "cudaSuccess");
  EXPECT_STREQ(cudaGetErrorName(static_cast<cudaError_t>(9999)), "unrecognized error code");
}

TEST_F(CudartFault, WhatNeedsAHandleRefusesOneThatIsNone) {
  const auto no_stream = reinterpret_cast<cudaStream_t>(0x1234);
  const auto no_event = reinterpret_cast<cudaEvent_t>(0x1234);
  EXPECT_EQ(cudaStreamSynchronize(no_stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamQuery(no_stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamWaitEvent(no_stream, no_event, 0), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(no_event, nullptr), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventQuery(no_event), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventSynchronize(no_event), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventDestroy(no_event), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(simt::enqueue(dim3(1), dim3(1), 0, no_stream, nullptr, [] {}), cudaErrorInvalidResourceHandle);
  (void)cudaGetLastError();
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
