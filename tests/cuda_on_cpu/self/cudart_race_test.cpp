#include <cstdlib>

#include "tests/cuda_on_cpu/self/double_buffer.hpp"
#include "tests/cuda_on_cpu/self/vehicle_test.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

// Orders between streams and the host that are left out: ThreadSanitizer must report each, whatever the times
// were, and keep silent where they are there.
namespace prophet::cuda_on_cpu {
namespace {

class CudartRace : public VehicleTest {
 protected:
  void SetUp() override {
    VehicleTest::SetUp();
    if (!simt::under_tsan()) GTEST_SKIP() << "needs ThreadSanitizer: preset cuda-on-cpu-tsan";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
  /// In a process of its own, as a report changes the exit code of the whole process.
  static void expect_only_the_planted(void (*run)(bool planted)) {
    constexpr int tsan_exit_code = 66;
    const auto run_and_exit = [run](bool planted) {
      run(planted);
      std::exit(0);
    };
    EXPECT_EXIT(run_and_exit(true), ::testing::ExitedWithCode(tsan_exit_code), "data race");
    EXPECT_EXIT(run_and_exit(false), ::testing::ExitedWithCode(0), "");
  }
};

TEST_F(CudartRace, AForgottenWaitForReaders) {
  expect_only_the_planted([](bool planted) { double_buffer(!planted, 20); });
}

TEST_F(CudartRace, AHostThatReadsBeforeItWaits) {
  expect_only_the_planted([](bool planted) {
    const OwnedStream stream;
    const auto device = device_memory<int>(64);
    const auto host = pinned_memory<int>(64);
    expect_ok(cudaMemcpyAsync(host.data(), device.data(), device.bytes(), cudaMemcpyDeviceToHost, stream));
    if (!planted) expect_ok(cudaStreamSynchronize(stream));
    // Another call comes between, as one would in a program, and must not hide that nobody waited.
    expect_ok(cudaMemsetAsync(device.data(), 0, 4, stream));
    host[0] += 1;
    expect_ok(cudaStreamSynchronize(stream));
  });
}

TEST_F(CudartRace, AHostThatReusesPinnedMemoryTooEarly) {
  expect_only_the_planted([](bool planted) {
    const OwnedStream stream;
    const OwnedEvent copied;
    const auto device = device_memory<int>(64);
    const auto host = pinned_memory<int>(64);
    expect_ok(cudaMemcpyAsync(device.data(), host.data(), device.bytes(), cudaMemcpyHostToDevice, stream));
    expect_ok(cudaEventRecord(copied, stream));
    if (!planted) expect_ok(cudaEventSynchronize(copied));
    host[1] = 2;
    expect_ok(cudaStreamSynchronize(stream));
  });
}

TEST_F(CudartRace, TwoStreamsThatShareMemoryWithoutAnEvent) {
  expect_only_the_planted([](bool planted) {
    const OwnedStream writer;
    const OwnedStream reader;
    const OwnedEvent written;
    const auto values = device_memory<int>(2);
    int* data = values.data();
    expect_ok(simt::enqueue(dim3(1), dim3(1), 0, writer, nullptr, [data] { data[0] = 1; }));
    expect_ok(cudaEventRecord(written, writer));
    if (!planted) expect_ok(cudaStreamWaitEvent(reader, written, 0));
    expect_ok(simt::enqueue(dim3(1), dim3(1), 0, reader, nullptr, [data] { data[1] = data[0]; }));
    expect_ok(cudaDeviceSynchronize());
  });
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
