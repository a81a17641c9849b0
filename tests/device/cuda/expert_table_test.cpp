// What the device reads of the table of experts and slabs is what the host last wrote, wherever it changed.
#include "runtime/device/cuda/expert_table.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/resolve.hpp"
#include "runtime/base/random.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/stream_table.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda {
namespace {

std::vector<std::uint32_t> read(const ExpertTable& table, cudaStream_t stream) {
  std::vector<std::uint32_t> entries(table.experts());
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(
      cudaMemcpy(entries.data(), table.entries(), entries.size() * sizeof entries[0], cudaMemcpyDeviceToHost),
      cudaSuccess);
  return entries;
}

TEST(CudaExpertTable, HoldsOnTheDeviceWhatWasLastPublished) {
  static_cast<void>(open_gpu(0));
  Status status;
  const OwnedStream stream(status, 0);
  Random random(testing::fresh_seed());
  for (const std::uint32_t experts : {1U, 2U, 7U, 300U}) {
    ExpertTable table(experts, status);
    std::vector<std::uint32_t> expected(experts, kernels::no_slab);
    table.publish(stream.get());
    EXPECT_EQ(read(table, stream.get()), expected);
    for (int round = 0; round < 40; ++round) {
      for (std::uint64_t changes = random.below(4); changes != 0; --changes) {
        const auto expert = static_cast<std::uint32_t>(random.below(experts));
        const bool gone = random.chance(0.3);
        expected[expert] = gone ? kernels::no_slab : static_cast<std::uint32_t>(random.below(100));
        gone ? table.clear(expert) : table.set(expert, expected[expert]);
      }
      table.publish(stream.get());
      ASSERT_EQ(read(table, stream.get()), expected) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace prophet::cuda
