// What the cuda device is made of: errors, memory, batches, indices, clocks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <vector>

#include "runtime/device/cpu/clock.hpp"
#include "runtime/device/cuda/copy_batch.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/host_mapping.hpp"
#include "runtime/device/cuda/index_ring.hpp"
#include "runtime/device/cuda/operation_clock.hpp"
#include "runtime/device/cuda/pinned_memory.hpp"
#include "runtime/device/cuda/stream_table.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/device/cuda_driver.hpp"
#include "runtime/device/handles.hpp"
#include "tests/cuda_on_cpu/control.hpp"

namespace prophet::cuda {
namespace {

namespace vehicle = cuda_on_cpu;

TEST(CudaStatus, WhatTheVehicleCallsStickyIsUnrecoverableHere) {
  for (int code = 0; code < 1000; ++code) {
    const auto error = static_cast<cudaError_t>(code);
    EXPECT_TRUE(is_unrecoverable(error) || !vehicle::is_sticky(error)) << cudaGetErrorName(error);
  }
  EXPECT_FALSE(is_unrecoverable(cudaErrorMemoryAllocation));
  EXPECT_FALSE(is_unrecoverable(cudaErrorNotReady));
}

TEST(CudaStatus, KeepsTheFirstErrorOfCallsThatMayNotThrow) {
  Status status;
  EXPECT_FALSE(status.note(cudaErrorInvalidValue, "cudaFree", "free"));
  EXPECT_FALSE(status.note(cudaErrorMemoryAllocation, "cudaFree", "free"));
  try {
    status.throw_pending();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::check_failed);
    EXPECT_STREQ(error.what(), "free: cudaFree says cudaErrorInvalidValue (invalid argument)");
  }
  EXPECT_NO_THROW(status.throw_pending());
  EXPECT_FALSE(status.lost());
  EXPECT_FALSE(status.note(cudaErrorIllegalAddress, "cudaFree", "free"));
  EXPECT_TRUE(status.lost());
  EXPECT_THROW(status.refuse_if_lost("copy"), Error);
}

TEST(CudaGpu, DemandCopiesGoBeforeComputeAndComputeBeforePrefetches) {
  const StreamPriorities spread = spread_priorities(0, -5);
  EXPECT_LT(spread.of(StreamRole::demand_copy), spread.of(StreamRole::compute));
  EXPECT_LT(spread.of(StreamRole::compute), spread.of(StreamRole::prefetch_copy));
  EXPECT_EQ(spread.of(StreamRole::demand_copy), -5);
  EXPECT_EQ(spread.of(StreamRole::prefetch_copy), 0);
  EXPECT_EQ(spread_priorities(0, 0).of(StreamRole::demand_copy), 0);
}

TEST(CudaGpu, EveryStreamHasThePriorityOfItsRole) {
  Status status;
  const Gpu gpu = open_gpu(0);
  const ClockOptions clock;
  StreamTable streams(status, gpu.priorities, clock, 1);
  for (const StreamRole role : {StreamRole::compute, StreamRole::demand_copy, StreamRole::prefetch_copy}) {
    int priority = 99;
    unsigned flags = 0;
    const cudaStream_t stream = streams[streams.create(role)].get();
    EXPECT_EQ(cudaStreamGetPriority(stream, &priority), cudaSuccess);
    EXPECT_EQ(cudaStreamGetFlags(stream, &flags), cudaSuccess);
    EXPECT_EQ(priority, gpu.priorities.of(role));
    EXPECT_EQ(flags, static_cast<unsigned>(cudaStreamNonBlocking));
  }
}

TEST(CudaGpu, OneThatTheKernelsAreNotCompiledForIsNoDevice) {
  const vehicle::Machine machine = vehicle::machine();
  vehicle::Machine old = machine;
  old.capability_major = 7;
  old.capability_minor = 5;
  vehicle::set_machine(old);
  try {
    static_cast<void>(open_gpu(0));
    ADD_FAILURE() << "it was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::no_device);
    EXPECT_NE(std::string(error.what()).find("compute capability 7.5, expected 8.0"), std::string::npos)
        << error.what();
  }
  vehicle::set_machine(machine);
  EXPECT_NO_THROW(static_cast<void>(open_gpu(0)));
}

TEST(CudaGpu, AFigureThatTheDriverDoesNotTellIsNotKnown) {
  vehicle::fail_call("cudaDeviceGetAttribute", 1, cudaErrorInvalidValue);
  const Gpu gpu = open_gpu(0);
  vehicle::clear_faults();
  EXPECT_EQ(gpu.figures.clock_khz, 0);
  EXPECT_NE(gpu.figures.memory_bus_bits, 0);
}

TEST(CudaGpu, ReadsTheNumaNodeThatLinuxTells) {
  const auto root = std::filesystem::temp_directory_path() / ("prophet_sysfs_" + std::to_string(getpid()));
  const auto device = root / "bus/pci/devices/0000:1a:00.0";
  std::filesystem::create_directories(device);
  EXPECT_EQ(numa_node_of("0000:1A:00.0", root.string()), std::nullopt);
  std::ofstream(device / "numa_node") << "1\n";
  EXPECT_EQ(numa_node_of("0000:1A:00.0", root.string()), 1);
  std::ofstream(device / "numa_node") << "-1\n";
  EXPECT_EQ(numa_node_of("0000:1A:00.0", root.string()), std::nullopt);
  std::filesystem::remove_all(root);
}

TEST(CudaStatus, SaysWhyNoDeviceAnswersWhicheverCallFails) {
  for (const char* function : {"cudaDriverGetVersion", "cudaGetDeviceCount"}) {
    vehicle::fail_call(function, 1, cudaErrorInitializationError);
    EXPECT_NE(cuda_status().missing.find(function), std::string::npos);
    vehicle::clear_faults();
  }
  EXPECT_TRUE(cuda_status().missing.empty());
  CudaOptions options;
  options.ordinal = -1;
  EXPECT_THROW(static_cast<void>(make_cuda_device(options)), Error);
}

TEST(CudaDeviceRefuses, WhatItsKernelsCannotRead) {
  const auto device = make_cuda_device({});
  const Stream stream(*device, StreamRole::compute);
  const Buffer memory(*device, MemoryKind::device, 4096);
  const BufferView slab = memory.view().slice(0, 1024);
  const BufferView hidden = memory.view().slice(1024, 64);
  const std::vector<std::uint32_t> rows = {0};
  const auto refused = [&](const ComputeOp& op) {
    try {
      device->launch(stream.id(), op, 0);
      ADD_FAILURE() << "it was launched";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    }
  };
  refused(ExpertOp{slab.slice(0, 100), {}, hidden, hidden, rows, 16, 0, 0, false});  // no row of each matrix
  refused(ExpertOp{slab.slice(4, 512), slab.slice(0, 512), hidden, hidden, rows, 16, 0, 0, true});
  refused(DenseOp{slab, memory.view().slice(1026, 64), 1, 16, 0});
  EXPECT_THROW(static_cast<void>(device->host_bytes(slab)), Error);
  EXPECT_THROW(static_cast<void>(device->allocate(MemoryKind::host_pinned, 1ULL << 60)), Error);
}

TEST(CudaPinnedMemory, IsAsLargeAsAskedInWholePagesAndZero) {
  static_cast<void>(open_gpu(0));
  Status status;
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const std::uint64_t size : {std::uint64_t{1}, page_bytes, page_bytes + 1, 3 * huge_page_bytes + 17}) {
    const PinnedMemory memory(size, 0, status);
    const std::uint64_t page = memory.report().pages == HugePages::reserved ? huge_page_bytes : page_bytes;
    EXPECT_GE(memory.report().mapped_bytes, size);
    EXPECT_LT(memory.report().mapped_bytes, size + page);
    EXPECT_EQ(std::accumulate(memory.data(), memory.data() + size, 0,
                              [](int sum, std::byte one) { return sum + static_cast<int>(one); }),
              0);
    if (size >= huge_page_bytes) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % huge_page_bytes, 0U);
    }
    EXPECT_TRUE(memory.report().numa_node || !memory.report().remark.empty());
  }
  EXPECT_EQ(vehicle::live_objects(), before);
  EXPECT_THROW(PinnedMemory(1ULL << 60, std::nullopt, status), Error);
}

TEST(CudaPinnedMemory, SaysWhyItIsBoundToNoNode) {
  static_cast<void>(open_gpu(0));
  Status status;
  EXPECT_FALSE(PinnedMemory(1, std::nullopt, status).report().remark.empty());
  EXPECT_FALSE(PinnedMemory(1, 1000, status).report().remark.empty());
  EXPECT_FALSE(PinnedMemory(1, 5000, status).report().remark.empty());
}

TEST(CudaPinnedMemory, ComesFromCudaWhereCudaRegistersNothing) {
  static_cast<void>(open_gpu(0));
  Status status;
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const std::uint64_t size : {std::uint64_t{1}, 3 * huge_page_bytes + 17}) {
    vehicle::fail_call("cudaHostRegister", 1, cudaErrorNotSupported);
    PinnedMemory memory(size, 0, status);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    PinnedMemory moved = std::move(memory);
    EXPECT_EQ(moved.report().mapped_bytes, size);
    EXPECT_FALSE(moved.report().numa_node);
    EXPECT_NE(moved.report().remark.find("cudaErrorNotSupported"), std::string::npos);
    EXPECT_EQ(moved.data()[size - 1], std::byte{0});
    EXPECT_EQ(moved.data(), moved.device_data());
    vehicle::fail_call("cudaHostRegister", 1, cudaErrorMemoryAllocation);
    EXPECT_THROW(PinnedMemory(size, 0, status), Error);
  }
  EXPECT_EQ(vehicle::live_objects(), before);
}

TEST(CudaCopyBatch, GoesAsPlainCopiesWhereThereAreNoBatches) {
  static_cast<void>(open_gpu(0));
  Status status;
  const OwnedStream stream(status, 0);
  const MappedMemory memory(8, status, "test");
  for (std::size_t i = 0; i < 4; ++i) memory.data()[i] = static_cast<std::byte>(i + 1);
  CopyBatch batch;
  for (std::size_t i = 0; i < 4; ++i) batch.add({memory.data() + 4 + i, memory.data() + i, 1}, i);
  vehicle::fail_call("cudaMemcpyBatchAsync", 1, cudaErrorNotSupported);
  batch.submit(stream.get(), status);
  ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(memory.data()[4 + i], static_cast<std::byte>(i + 1));
  EXPECT_TRUE(batch.empty());
}

TEST(CudaStatus, AskingForWhatIsNotReadyLeavesNoErrorBehind) {
  const auto device = make_cuda_device({});
  const Stream stream(*device, StreamRole::compute);
  const Buffer memory(*device, MemoryKind::device, 4096);
  const EventId event = device->create_event();
  vehicle::Machine slow = vehicle::machine();
  const vehicle::Machine machine = slow;
  slow.strict = true;  // what is asked for runs one operation a call
  vehicle::set_machine(slow);
  for (std::uint64_t i = 0; i < 8; ++i)
    device->copy(stream.id(), memory.view().slice(0, 8), memory.view().slice(8 + 8 * i, 8), i);
  device->record(stream.id(), event);
  EXPECT_FALSE(device->done(event));
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  device->synchronize();
  device->destroy_event(event);
  vehicle::set_machine(machine);
}

TEST(CudaCopyBatch, TakesNothingThatTouchesWhatAnotherCopyWrites) {
  std::array<std::byte, 100> bytes{};
  CopyBatch batch;
  batch.add({bytes.data(), bytes.data() + 20, 10}, 7);
  EXPECT_EQ(batch.tag(), 7U);
  EXPECT_TRUE(batch.fits({bytes.data() + 10, bytes.data() + 20, 10}));
  EXPECT_TRUE(batch.fits({bytes.data() + 10, bytes.data() + 30, 10}));
  EXPECT_FALSE(batch.fits({bytes.data() + 9, bytes.data() + 40, 10}));   // writes the same
  EXPECT_FALSE(batch.fits({bytes.data() + 29, bytes.data() + 40, 10}));  // writes what is read
  EXPECT_FALSE(batch.fits({bytes.data() + 40, bytes.data() + 5, 1}));    // reads what is written
  while (batch.bytes() < 10 + CopyBatch::copies_max - 1)
    batch.add({bytes.data() + 50, bytes.data() + 60, 1}, 0);
  EXPECT_FALSE(batch.fits({bytes.data() + 90, bytes.data() + 91, 1}));
}

TEST(CudaIndexRing, KeepsWhatTheDeviceHasNotReadYet) {
  static_cast<void>(open_gpu(0));
  Status status;
  vehicle::Machine machine = vehicle::machine();
  const vehicle::Machine quiet = machine;
  machine.jitter_us = 200;  // the device falls behind
  vehicle::set_machine(machine);
  {
    const OwnedStream stream(status, 0);
    IndexRing ring(status, stream.get());
    constexpr std::size_t count = IndexRing::segment_bytes_at_first / sizeof(std::uint32_t) / 2;
    constexpr std::size_t uploads = 4 * IndexRing::segments;
    const DeviceMemory kept(uploads * sizeof(std::uint32_t), status, "test");
    for (std::uint32_t i = 0; i < uploads; ++i) {
      const std::vector<std::uint32_t> values(count, i);
      const std::uint32_t* const there = ring.upload(values);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(there) % 16, 0U);
      EXPECT_EQ(cudaMemcpyAsync(kept.data() + i * sizeof(std::uint32_t), there + count - 1,
                                sizeof(std::uint32_t), cudaMemcpyDeviceToDevice, stream.get()),
                cudaSuccess);
    }
    std::vector<std::uint32_t> found(uploads);
    EXPECT_EQ(
        cudaMemcpyAsync(found.data(), kept.data(), kept.size_bytes(), cudaMemcpyDeviceToHost, stream.get()),
        cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
    for (std::uint32_t i = 0; i < uploads; ++i) EXPECT_EQ(found[i], i);
    const std::vector<std::uint32_t> larger(20 * count, 5);
    static_cast<void>(ring.upload(larger));
    EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  }
  vehicle::set_machine(quiet);
}

class Spans : public TimelineSink {
 public:
  void on_span(const TimelineSpan& span) override { spans.push_back(span); }
  std::vector<TimelineSpan> spans;
};

TEST(CudaOperationClock, AWaitIsBlockedTimeAndEveryPairIsReadOnce) {
  static_cast<void>(open_gpu(0));
  Status status;
  Spans sink;
  ClockOptions options;
  options.sink = &sink;
  options.origin_ns = cpu::monotonic_ns();
  const OwnedStream stream(status, 0);
  OperationClock clock(status, options, stream.get(), StreamId{3}, StreamRole::compute);
  constexpr std::uint64_t operations = 500;  // more than there are pairs at first
  for (std::uint64_t i = 0; i < operations; ++i) {
    clock.begin();
    clock.end("copy", i, 10);
  }
  clock.begin();
  ASSERT_EQ(cudaLaunchHostFunc(
                stream.get(), [](void*) { usleep(20'000); }, nullptr),
            cudaSuccess);
  clock.end_wait();
  ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  clock.collect();
  EXPECT_GE(clock.times().blocked_ns, 15'000'000U);
  ASSERT_EQ(sink.spans.size(), operations + 1);
  for (std::uint64_t i = 0; i < operations; ++i) {
    EXPECT_EQ(sink.spans[i].tag, i);
    EXPECT_LE(sink.spans[i].end_ns, sink.spans[i + 1].start_ns);
  }
  EXPECT_STREQ(sink.spans.back().name, "wait");
}

}  // namespace
}  // namespace prophet::cuda
