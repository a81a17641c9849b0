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

TEST_F(CudaCombine, IsTheReferenceBitForBitAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 20; ++repetition) {
    const auto width = static_cast<std::uint32_t>(1 + random.below(700));
    const auto tokens = static_cast<std::uint32_t>(random.below(5));
    const auto top_k = static_cast<std::uint32_t>(random.below(5));
    SCOPED_TRACE(::testing::Message() << tokens << " tokens, top " << top_k << ", width " << width);
    const std::uint32_t output_rows = tokens * top_k + 2;
    std::vector<std::uint32_t> slots(std::size_t{tokens} * top_k);
    for (auto& slot : slots) slot = static_cast<std::uint32_t>(random.below(output_rows));
    std::vector<float> hidden = random_floats(random, std::size_t{tokens} * width);
    const std::vector<float> outputs = random_floats(random, std::size_t{output_rows} * width);
    const DeviceArray<float> device_hidden(hidden);
    const DeviceArray<float> device_outputs(outputs);
    const DeviceArray<std::uint32_t> device_slots(slots);
    expect_ok(kernels::cuda::combine(device_hidden.data(), device_outputs.data(), device_slots.data(), tokens,
                                     top_k, width, nullptr));
    ASSERT_EQ(kernels::combine(hidden.data(), outputs.data(), output_rows, slots, tokens, top_k, width),
              kernels::Status::ok);
    ASSERT_EQ(device_hidden.read(), hidden);
  }
}

TEST_F(CudaCombine, RefusesNullPointersAndNoWidth) {
  const DeviceArray<float> hidden(8);
  EXPECT_EQ(kernels::cuda::combine(nullptr, nullptr, nullptr, 1, 0, 8, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::combine(hidden.data(), nullptr, nullptr, 1, 1, 8, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::combine(hidden.data(), nullptr, nullptr, 1, 0, 0, nullptr), cudaErrorInvalidValue);
  expect_ok(kernels::cuda::combine(nullptr, nullptr, nullptr, 0, 0, 8, nullptr));
}

}  // namespace
}  // namespace prophet::kernels_test
