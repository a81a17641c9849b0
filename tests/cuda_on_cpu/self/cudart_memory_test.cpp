#include <sys/wait.h>

#include <csignal>
#include <limits>
#include <memory>

#include "tests/cuda_on_cpu/self/vehicle_test.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

namespace prophet::cuda_on_cpu {
namespace {

class CudartMemory : public VehicleTest {};

/// Each statement runs in a process of its own, which has no threads but its own.
class CudartMemoryDeathTest : public CudartMemory {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    CudartMemory::SetUp();
  }
};

/// By the signal, by the executor that explained it, or by a sanitizer that caught it.
bool died_of_its_access(int status) {
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGABRT;
  return WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

constexpr std::size_t MiB = std::size_t{1} << 20;

TEST_F(CudartMemory, CapacityIsWhatTheMachineSaysLessTheContext) {
  Machine small = machine();
  small.memory_bytes = 100 * MiB;
  small.context_bytes = 30 * MiB;
  set_machine(small);
  std::size_t free = 0;
  std::size_t total = 0;
  expect_ok(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, 70 * MiB);
  EXPECT_EQ(total, 100 * MiB);
  void* most = nullptr;
  void* more = nullptr;
  EXPECT_EQ(cudaMalloc(&most, 70 * MiB + 1), cudaErrorMemoryAllocation);
  expect_ok(cudaMalloc(&most, 70 * MiB));
  EXPECT_EQ(cudaMalloc(&more, 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(more, nullptr);
  EXPECT_EQ(live_objects().device_bytes, 70 * MiB);
  expect_ok(cudaFree(most));
  expect_ok(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, 70 * MiB);
  EXPECT_EQ(cudaMalloc(&most, std::numeric_limits<std::size_t>::max()), cudaErrorMemoryAllocation);
  (void)cudaGetLastError();
}

TEST_F(CudartMemory, ManyGigabytesCostNothingUntilTheyAreTouched) {
  Machine large = machine();
  large.memory_bytes = std::size_t{80} << 30;
  set_machine(large);
  const OwnedMemory<char> arena(std::size_t{70} << 30, false);
  expect_ok(cudaMemset(arena.data() + (std::size_t{69} << 30), 1, 16));
  expect_ok(cudaDeviceSynchronize());
}

TEST_F(CudartMemory, CopiesThatCannotBeAreRefused) {
  const auto device = device_memory<char>(100);
  const auto pinned = pinned_memory<char>(100);
  std::vector<char> pageable(200);
  EXPECT_EQ(cudaMemcpy(device.data(), pageable.data(), 101, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device.data() + 50, pageable.data(), 51, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device.data(), pinned.data(), 101, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device.data(), pageable.data(), 8, cudaMemcpyDeviceToHost),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemcpy(pageable.data(), device.data(), 8, cudaMemcpyHostToDevice),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemcpy(device.data(), pinned.data(), 8, cudaMemcpyDeviceToDevice),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemcpy(nullptr, pinned.data(), 8, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(device.data(), 0, 101), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(pageable.data(), 0, 1), cudaErrorInvalidValue);
  expect_ok(cudaMemcpy(device.data(), pageable.data(), 100, cudaMemcpyDefault));
  (void)cudaGetLastError();
}

TEST_F(CudartMemory, FreedMemoryCannotBeCopiedOrFreedAgain) {
  void* memory = nullptr;
  expect_ok(cudaMalloc(&memory, 64));
  expect_ok(cudaFree(memory));
  char byte = 0;
  EXPECT_EQ(cudaMemcpy(&byte, memory, 1, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(memory), cudaErrorInvalidValue);
  expect_ok(cudaFree(nullptr));
  (void)cudaGetLastError();
}

TEST_F(CudartMemory, NewMemoryHoldsNoNumbers) {
  const auto memory = device_memory<float>(100);
  for (const float value : read_back(memory)) EXPECT_NE(value, value);
}

TEST_F(CudartMemory, APageableSourceMayChangeOnceTheCallReturns) {
  for (const bool strict : {false, true}) {
    play(strict, 1);
    const OwnedStream stream;
    const auto device = device_memory<int>(1000);
    std::vector<int> source(1000, 1);
    expect_ok(cudaMemcpyAsync(device.data(), source.data(), 4000, cudaMemcpyHostToDevice, stream));
    source.assign(1000, 2);
    expect_ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(read_back(device), std::vector<int>(1000, 1));
  }
}

TEST_F(CudartMemory, APinnedSourceMayNot) {
  play(true, 1);
  const OwnedStream stream;
  const auto device = device_memory<int>(1);
  const auto source = pinned_memory<int>(1);
  source[0] = 1;
  expect_ok(cudaMemcpyAsync(device.data(), source.data(), 4, cudaMemcpyHostToDevice, stream));
  source[0] = 2;
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(device)[0], 2);
}

/// What a stream that does not wait for the default one finds where cudaMemcpy has put a 2 over a 1.
int found_behind_a_staged_copy(bool await_it) {
  const OwnedStream stream;
  const auto device = device_memory<unsigned char>(1);
  const auto found = pinned_memory<unsigned char>(1);
  const unsigned char source = 2;
  expect_ok(cudaMemset(device.data(), 1, 1));
  expect_ok(cudaDeviceSynchronize());
  expect_ok(cudaMemcpy(device.data(), &source, 1, cudaMemcpyHostToDevice));
  if (await_it) expect_ok(cudaStreamSynchronize(cudaStreamLegacy));
  expect_ok(cudaMemcpyAsync(found.data(), device.data(), 1, cudaMemcpyDeviceToHost, stream));
  expect_ok(cudaStreamSynchronize(stream));
  return found[0];
}

TEST_F(CudartMemory, ACopyFromPageableMemoryMayArriveAfterItsCallHasReturned) {
  int late = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    play(true, seed);
    late += found_behind_a_staged_copy(false) == 1;
    EXPECT_EQ(found_behind_a_staged_copy(true), 2);
  }
  EXPECT_GT(late, 0);
}

TEST_F(CudartMemory, RegisteredMemoryIsMappedUntilItIsUnregistered) {
  std::vector<char> host(8192);
  void* device = nullptr;
  EXPECT_EQ(cudaHostGetDevicePointer(&device, host.data(), 0), cudaErrorInvalidValue);
  expect_ok(cudaHostRegister(host.data(), host.size(), cudaHostRegisterMapped));
  EXPECT_EQ(cudaHostRegister(host.data() + 10, 10, 0), cudaErrorHostMemoryAlreadyRegistered);
  expect_ok(cudaHostGetDevicePointer(&device, host.data(), 0));
  EXPECT_EQ(device, host.data());
  cudaPointerAttributes attributes{};
  expect_ok(cudaPointerGetAttributes(&attributes, host.data()));
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  EXPECT_EQ(to_string(live_objects()), "1 pinned buffer");
  expect_ok(cudaHostUnregister(host.data()));
  EXPECT_EQ(cudaHostUnregister(host.data()), cudaErrorHostMemoryNotRegistered);
  expect_ok(cudaPointerGetAttributes(&attributes, host.data()));
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  (void)cudaGetLastError();
}

struct BatchLists {
  std::vector<void*> to;
  std::vector<const void*> from;
  std::vector<std::size_t> sizes;
  std::vector<std::size_t> firsts = {0};
  std::vector<cudaMemcpyAttributes> attributes = std::vector<cudaMemcpyAttributes>(1);

  cudaError_t submit(cudaStream_t stream) {
    return cudaMemcpyBatchAsync(to.data(), from.data(), sizes.data(), to.size(), attributes.data(),
                                firsts.data(), attributes.size(), stream);
  }
};

TEST_F(CudartMemory, ABatchCopiesAllOfItsRanges) {
  const OwnedStream stream;
  const auto source = pinned_memory<int>(64);
  const auto target = device_memory<int>(64);
  for (int i = 0; i < 64; ++i) source[static_cast<std::size_t>(i)] = i;
  BatchLists batch;
  for (std::size_t i = 0; i < 64; i += 8) {
    batch.to.push_back(target.data() + i);
    batch.from.push_back(source.data() + 56 - i);
    batch.sizes.push_back(8 * sizeof(int));
  }
  EXPECT_EQ(batch.submit(stream), cudaErrorInvalidValue) << "an order of access must be named";
  batch.attributes[0].srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  EXPECT_EQ(batch.submit(nullptr), cudaErrorInvalidValue) << "the legacy stream takes no batch";
  expect_ok(batch.submit(stream));
  expect_ok(cudaStreamSynchronize(stream));
  const auto got = read_back(target);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(got[i], static_cast<int>(56 - i / 8 * 8 + i % 8));
  batch.firsts[0] = 1;
  EXPECT_EQ(batch.submit(stream), cudaErrorInvalidValue);
  batch.firsts[0] = 0;
  batch.attributes[0].flags = 2;
  EXPECT_EQ(batch.submit(stream), cudaErrorInvalidValue) << "a flag that there is not";
  batch.attributes[0].flags = cudaMemcpyFlagPreferOverlapWithCompute;
  expect_ok(batch.submit(stream));
  batch.sizes.back() = 9 * sizeof(int);
  EXPECT_EQ(batch.submit(stream), cudaErrorInvalidValue) << "a copy beyond the end of its allocation";
  (void)cudaGetLastError();
}

TEST_F(CudartMemory, ABatchReadsItsSourceWhenItsAttributesSay) {
  play(true, 1);
  const OwnedStream stream;
  const auto target = device_memory<int>(2);
  const auto source = pinned_memory<int>(2);
  source[0] = source[1] = 1;
  BatchLists batch;
  batch.attributes.resize(2);
  batch.attributes[0].srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  batch.attributes[1].srcAccessOrder = cudaMemcpySrcAccessOrderDuringApiCall;
  batch.firsts = {0, 1};
  batch.to = {target.data(), target.data() + 1};
  batch.from = {source.data(), source.data() + 1};
  batch.sizes = {4, 4};
  expect_ok(batch.submit(stream));
  source[0] = source[1] = 2;
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(target), (std::vector<int>{2, 1}));
}

TEST_F(CudartMemory, LaunchesBeyondTheLimitsAreRefused) {
  const auto launch = [](dim3 grid, dim3 block, std::size_t shared_bytes) {
    return simt::enqueue(grid, block, shared_bytes, nullptr, nullptr, [] {});
  };
  EXPECT_EQ(launch(dim3(1), dim3(1025), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(32, 33), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(1, 1, 65), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(0), dim3(1), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1, 65536), dim3(1), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(1), 227 * 1024 + 1), cudaErrorInvalidValue);
  expect_ok(launch(dim3(1), dim3(1024), 227 * 1024));
  (void)cudaGetLastError();
}

void kernel_of_nothing() {}

TEST_F(CudartMemory, MoreThan48KiBOfSharedMemoryMustHaveBeenAllowed) {
  const auto launch = [](std::size_t shared_bytes) {
    return simt::launch(&kernel_of_nothing, dim3(1), dim3(32), shared_bytes, nullptr);
  };
  const auto* kernel = reinterpret_cast<const void*>(&kernel_of_nothing);
  expect_ok(launch(48 << 10));
  EXPECT_EQ(launch((48 << 10) + 1), cudaErrorInvalidValue);
  expect_ok(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10));
  expect_ok(launch(100 << 10));
  EXPECT_EQ(launch((100 << 10) + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
            cudaErrorInvalidValue);
  expect_ok(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 0));
  EXPECT_EQ(launch((48 << 10) + 1), cudaErrorInvalidValue);
  (void)cudaGetLastError();
}

TEST_F(CudartMemory, EveryKindOfLeakIsReported) {
  void* device = nullptr;
  void* pinned = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  expect_ok(cudaMalloc(&device, 16));
  expect_ok(cudaMallocHost(&pinned, 16));
  expect_ok(cudaStreamCreate(&stream));
  expect_ok(cudaEventCreate(&event));
  EXPECT_EQ(to_string(live_objects()), "1 device buffer, 1 pinned buffer, 1 stream, 1 event");
  expect_ok(cudaFree(device));
  expect_ok(cudaFreeHost(pinned));
  expect_ok(cudaStreamDestroy(stream));
  expect_ok(cudaEventDestroy(event));
}

TEST_F(CudartMemory, AsManyDevicesAsTheMachineSays) {
  int count = -1;
  for (const int wanted : {2, 1}) {
    Machine other = machine();
    other.device_count = wanted;
    set_machine(other);
    expect_ok(cudaGetDeviceCount(&count));
    EXPECT_EQ(count, wanted);
    EXPECT_EQ(cudaSetDevice(wanted), cudaErrorInvalidDevice);
    expect_ok(cudaSetDevice(wanted - 1));
    expect_ok(cudaSetDevice(0));
  }
  Machine none = machine();
  none.device_count = 0;
  set_machine(none);
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(cudaSetDevice(0), cudaErrorNoDevice);
  none.device_count = 1;
  set_machine(none);
  (void)cudaGetLastError();
}

TEST_F(CudartMemory, AStreamTakesKernelsAndEventsOfItsOwnDeviceOnly) {
  Machine two = machine();
  two.device_count = 2;
  set_machine(two);
  {
    const OwnedStream stream;
    expect_ok(cudaSetDevice(1));
    const OwnedEvent event;
    const OwnedStream own_stream;
    EXPECT_EQ(simt::enqueue(dim3(1), dim3(1), 0, stream, nullptr, [] {}), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaEventRecord(event, stream), cudaErrorInvalidResourceHandle);
    expect_ok(simt::enqueue(dim3(1), dim3(1), 0, own_stream, nullptr, [] {}));
    expect_ok(cudaEventRecord(event, own_stream));
    expect_ok(cudaStreamWaitEvent(stream, event, 0));
    expect_ok(cudaStreamSynchronize(stream));
  }
  expect_ok(cudaSetDevice(0));
  (void)cudaGetLastError();
}

TEST_F(CudartMemoryDeathTest, AUseAfterFreeFaults) {
  int* memory = nullptr;
  expect_ok(cudaMalloc(reinterpret_cast<void**>(&memory), 64));
  expect_ok(cudaFree(memory));
  EXPECT_EXIT(
      {
        (void)simt::enqueue(dim3(1), dim3(1), 0, nullptr, nullptr, [memory] { *memory = 1; });
        cudaDeviceSynchronize();
      },
      died_of_its_access, "");
}

TEST_F(CudartMemoryDeathTest, AnAccessBehindAnAllocationFaults) {
  const auto memory = device_memory<char>(512);
  volatile char* behind = memory.data() + 512;
  EXPECT_EXIT({ *behind = 1; }, died_of_its_access, "");
}

TEST_F(CudartMemoryDeathTest, InStrictModeTheHostCannotTouchDeviceMemory) {
  play(true, 1);
  const auto memory = device_memory<int>(1);
  expect_ok(cudaMemset(memory.data(), 0, 4));
  expect_ok(cudaDeviceSynchronize());
  volatile int* touched = memory.data();
  EXPECT_EXIT({ *touched = 1; }, died_of_its_access, "");
  // Neither can a host function in a stream.
  EXPECT_EXIT(
      {
        (void)cudaLaunchHostFunc(
            nullptr, [](void* data) { *static_cast<volatile int*>(data) = 1; }, memory.data());
        cudaDeviceSynchronize();
      },
      died_of_its_access, "");
  // A kernel can.
  expect_ok(simt::enqueue(dim3(1), dim3(1), 0, nullptr, nullptr, [data = memory.data()] { *data = 7; }));
  EXPECT_EQ(read_back(memory)[0], 7);
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
