#include "kernels/cuda/combine.hpp"

#include <cstdint>
#include <vector>

#include "kernels/combine.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using testing::fresh_seed;
using testing::random_floats;

class CudaCombine : public OnDevice {};

/// A row's length: mostly short, now and then more than a block has threads for.
std::uint32_t any_width(Random& random) {
  return static_cast<std::uint32_t>(random.below(4) == 0 ? 4000 + random.below(600) : 1 + random.below(700));
}

/// Bit for bit, whether or not the rows allow accesses of 16 bytes.
TEST_F(CudaCombine, IsTheReferenceBitForBitAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 24; ++repetition) {
    const std::uint32_t multiple = random.below(2) == 0 ? 4 : 1;
    const std::uint32_t width = (any_width(random) + multiple - 1) / multiple * multiple;
    const auto tokens = static_cast<std::uint32_t>(random.below(4));
    const auto top_k = static_cast<std::uint32_t>(random.below(7));
    const std::size_t offset = random.below(3) == 0 ? 1 : 0;
    SCOPED_TRACE(::testing::Message()
                 << tokens << " tokens, top " << top_k << ", width " << width << ", on float " << offset);
    const std::uint32_t output_rows = tokens * top_k + 2;
    std::vector<std::uint32_t> slots(std::size_t{tokens} * top_k);
    for (auto& slot : slots) slot = static_cast<std::uint32_t>(random.below(output_rows));
    std::vector<float> hidden = random_floats(random, offset + std::size_t{tokens} * width);
    const std::vector<float> outputs = random_floats(random, offset + std::size_t{output_rows} * width);
    const DeviceArray<float> device_hidden(hidden);
    const DeviceArray<float> device_outputs(outputs);
    const DeviceArray<std::uint32_t> device_slots(slots);
    expect_ok(kernels::cuda::combine(device_hidden.data() + offset, device_outputs.data() + offset,
                                     device_slots.data(), tokens, top_k, width, nullptr));
    ASSERT_EQ(kernels::combine(hidden.data() + offset, outputs.data() + offset, output_rows, slots, tokens,
                               top_k, width),
              kernels::Status::ok);
    ASSERT_EQ(device_hidden.read(), hidden);
  }
}

TEST_F(CudaCombine, RefusesNullPointersAndNoWidth) {
  const DeviceArray<float> hidden(8);
  EXPECT_EQ(kernels::cuda::combine(nullptr, nullptr, nullptr, 1, 0, 8, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::combine(hidden.data(), nullptr, nullptr, 1, 1, 8, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::combine(hidden.data(), nullptr, nullptr, 1, 0, 0, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::combine(hidden.data(), nullptr, nullptr, 1, 0, 0x80000000U, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::combine(hidden.data(), nullptr, nullptr, 0x80000000U, 0, 8, nullptr),
            cudaErrorInvalidValue);
  expect_ok(kernels::cuda::combine(nullptr, nullptr, nullptr, 0, 0, 8, nullptr));
}

}  // namespace
}  // namespace prophet::kernels_test
