#pragma once

#include "tests/cuda_on_cpu/self/vehicle_test.hpp"

namespace prophet::cuda_on_cpu {

/// Two buffers, filled by one stream and read by the other, with an event for "full" and one for "read" each.
/// Returns how many of `rounds` were read wrong. Leaving out the wait for "read" is the planted defect.
inline int double_buffer(bool wait_for_readers, int rounds) {
  constexpr std::size_t size = 4096;
  const OwnedStream copies;
  const OwnedStream compute;
  const OwnedEvent full[2];
  const OwnedEvent read[2];
  const auto source = pinned_memory<int>(size * static_cast<std::size_t>(rounds));
  const auto buffers = device_memory<int>(2 * size);
  const auto results = device_memory<int>(size * static_cast<std::size_t>(rounds));
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<int>(i);
  for (int round = 0; round < rounds; ++round) {
    const auto offset = size * static_cast<std::size_t>(round);
    int* buffer = buffers.data() + size * static_cast<std::size_t>(round % 2);
    if (wait_for_readers) expect_ok(cudaStreamWaitEvent(copies, read[round % 2], 0));
    expect_ok(
        cudaMemcpyAsync(buffer, source.data() + offset, size * sizeof(int), cudaMemcpyHostToDevice, copies));
    expect_ok(cudaEventRecord(full[round % 2], copies));
    expect_ok(cudaStreamWaitEvent(compute, full[round % 2], 0));
    expect_ok(cudaMemcpyAsync(results.data() + offset, buffer, size * sizeof(int), cudaMemcpyDeviceToDevice,
                              compute));
    expect_ok(cudaEventRecord(read[round % 2], compute));
  }
  expect_ok(cudaDeviceSynchronize());
  const std::vector<int> got = read_back(results);
  int wrong = 0;
  for (std::size_t i = 0; i < got.size(); i += size) wrong += got[i] != static_cast<int>(i);
  return wrong;
}

}  // namespace prophet::cuda_on_cpu
