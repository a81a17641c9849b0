#include <atomic>
#include <numeric>
#include <ostream>

#include "tests/cuda_on_cpu/self/double_buffer.hpp"
#include "tests/cuda_on_cpu/self/vehicle_test.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda_on_cpu {
namespace {

using prophet::testing::fresh_seed;

/// Every test under threads, threads with jitter, and the strict mode's single thread.
struct Mode {
  const char* name;
  bool strict;
  unsigned jitter_us;
};
void PrintTo(const Mode& mode, std::ostream* out) {
  *out << mode.name;
}

class CudartStream : public VehicleTest, public ::testing::WithParamInterface<Mode> {
 protected:
  void SetUp() override {
    VehicleTest::SetUp();
    play(GetParam().strict, fresh_seed(), GetParam().jitter_us);
  }
};

struct Note {
  std::vector<int>* notes;
  int value;
};
void take_note(void* argument) {
  const auto* note = static_cast<Note*>(argument);
  note->notes->push_back(note->value);
}

TEST_P(CudartStream, RunsItsOperationsInOrder) {
  const OwnedStream stream;
  std::vector<int> notes;
  std::vector<Note> all;
  for (int i = 0; i < 50; ++i) all.push_back({&notes, i});
  for (Note& note : all) expect_ok(cudaLaunchHostFunc(stream, take_note, &note));
  expect_ok(cudaStreamSynchronize(stream));
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(notes, expected);
}

TEST_P(CudartStream, WaitsForTheRecordThatWasTheLatestWhenItWasAsked) {
  const OwnedStream producer;
  const OwnedStream consumer;
  const OwnedEvent event;
  const auto source = pinned_memory<int>(2);
  const auto target = device_memory<int>(1);
  const auto seen = device_memory<int>(2);
  source[0] = 10;
  source[1] = 11;
  const auto send = [&](int which) {
    expect_ok(cudaMemcpyAsync(target.data(), &source[static_cast<std::size_t>(which)], 4,
                              cudaMemcpyHostToDevice, producer));
    expect_ok(cudaEventRecord(event, producer));
  };
  const OwnedEvent taken;
  send(0);
  expect_ok(cudaStreamWaitEvent(consumer, event, 0));
  expect_ok(cudaMemcpyAsync(seen.data(), target.data(), 4, cudaMemcpyDeviceToDevice, consumer));
  expect_ok(cudaEventRecord(taken, consumer));
  expect_ok(cudaStreamWaitEvent(producer, taken, 0));
  send(1);  // the first wait still means the first record: else the two streams would wait for each other
  expect_ok(cudaStreamWaitEvent(consumer, event, 0));
  expect_ok(cudaMemcpyAsync(seen.data() + 1, target.data(), 4, cudaMemcpyDeviceToDevice, consumer));
  expect_ok(cudaStreamSynchronize(consumer));
  EXPECT_EQ(read_back(seen), (std::vector<int>{10, 11}));
}

TEST_P(CudartStream, TakesAnEventThatWasNeverRecordedAsDone) {
  const OwnedStream stream;
  const OwnedEvent event;
  expect_ok(cudaEventQuery(event));
  expect_ok(cudaEventSynchronize(event));
  expect_ok(cudaStreamWaitEvent(stream, event, 0));
}

TEST_P(CudartStream, PollingComesToAnEnd) {
  const OwnedStream stream;
  const OwnedEvent event;
  const auto memory = device_memory<int>(1000);
  for (int i = 0; i < 10; ++i) expect_ok(cudaMemsetAsync(memory.data(), i, memory.bytes(), stream));
  expect_ok(cudaEventRecord(event, stream));
  cudaError_t status = cudaErrorNotReady;
  while ((status = cudaEventQuery(event)) == cudaErrorNotReady) {
  }
  EXPECT_EQ(status, cudaSuccess);
  expect_ok(cudaStreamQuery(stream));
  (void)cudaGetLastError();
}

TEST_P(CudartStream, ABufferIsNotOverwrittenBeforeItsReaderIsDone) {
  EXPECT_EQ(double_buffer(true, 20), 0);
}

TEST_P(CudartStream, ABlockingStreamKeepsTheOrderOfTheLegacyStream) {
  const OwnedStream blocking(cudaStreamDefault);
  std::vector<int> notes;
  std::vector<Note> all;
  for (int i = 0; i < 20; ++i) all.push_back({&notes, i});
  for (Note& note : all) {
    const cudaStream_t stream = note.value % 2 == 0 ? cudaStream_t{} : blocking;
    expect_ok(cudaLaunchHostFunc(stream, take_note, &note));
  }
  expect_ok(cudaStreamSynchronize(nullptr));
  expect_ok(cudaStreamSynchronize(blocking));
  std::vector<int> expected(20);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(notes, expected);
}

TEST_P(CudartStream, WhatADestroyedStreamHoldsStillRuns) {
  const auto memory = device_memory<unsigned char>(64);
  cudaStream_t stream = nullptr;
  const OwnedEvent event;
  expect_ok(cudaStreamCreate(&stream));
  expect_ok(cudaMemsetAsync(memory.data(), 7, memory.bytes(), stream));
  expect_ok(cudaEventRecord(event, stream));
  expect_ok(cudaStreamDestroy(stream));
  expect_ok(cudaEventSynchronize(event));
  EXPECT_EQ(read_back(memory), std::vector<unsigned char>(64, 7));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaMemsetAsync(memory.data(), 7, 64, stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
}

INSTANTIATE_TEST_SUITE_P(Modes, CudartStream,
                         ::testing::Values(Mode{"Threads", false, 0}, Mode{"Jitter", false, 200},
                                           Mode{"Strict", true, 0}),
                         [](const auto& parameter) { return parameter.param.name; });

class CudartOrder : public VehicleTest {};

TEST_F(CudartOrder, AForgottenWaitForReadersShowsInStrictOrder) {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    play(true, seed);
    wrong += double_buffer(false, 20);
  }
  EXPECT_GT(wrong, 0);
}

TEST_F(CudartOrder, AForgottenWaitForReadersShowsUnderJitter) {
  if (simt::under_tsan()) GTEST_SKIP() << "ThreadSanitizer would report it: CudartRace sees to that";
  play(false, 1, 500);
  int wrong = 0;
  for (int attempt = 0; attempt < 20 && wrong == 0; ++attempt) wrong = double_buffer(false, 20);
  EXPECT_GT(wrong, 0);
}

TEST_F(CudartOrder, ANonBlockingStreamDoesNotWaitForTheLegacyStream) {
  const OwnedStream free_stream;
  std::atomic<bool> release{false};
  const auto hold = [](void* flag) {
    while (!static_cast<std::atomic<bool>*>(flag)->load()) {
    }
  };
  expect_ok(cudaLaunchHostFunc(nullptr, hold, &release));
  const OwnedEvent event;
  expect_ok(cudaEventRecord(event, free_stream));
  expect_ok(cudaEventSynchronize(event));
  release = true;
}

TEST_F(CudartOrder, AmongReadyCopiesInOneDirectionTheMoreUrgentStreamGoesFirst) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    play(true, seed);
    const OwnedStream patient(cudaStreamNonBlocking, 0);
    const OwnedStream urgent(cudaStreamNonBlocking, -5);
    const auto source = pinned_memory<int>(2);
    const auto target = device_memory<int>(1);
    source[0] = 0;
    source[1] = 1;
    expect_ok(cudaMemcpyAsync(target.data(), &source[0], 4, cudaMemcpyHostToDevice, patient));
    expect_ok(cudaMemcpyAsync(target.data(), &source[1], 4, cudaMemcpyHostToDevice, urgent));
    expect_ok(cudaDeviceSynchronize());
    EXPECT_EQ(read_back(target)[0], 0);
  }
}

TEST_F(CudartOrder, TimeBetweenTwoEventsIsThatOfTheirRecords) {
  const OwnedStream stream;
  const OwnedEvent begin(cudaEventDefault);
  const OwnedEvent end(cudaEventDefault);
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, begin, end), cudaErrorInvalidResourceHandle);
  expect_ok(cudaEventRecord(begin, stream));
  expect_ok(cudaEventRecord(end, stream));
  expect_ok(cudaEventSynchronize(end));
  expect_ok(cudaEventElapsedTime(&milliseconds, begin, end));
  EXPECT_GE(milliseconds, 0);
  const OwnedEvent untimed;
  expect_ok(cudaEventRecord(untimed, stream));
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, begin, untimed), cudaErrorInvalidResourceHandle);
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
