#include "kernels/cuda/rotary.hpp"

#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/formatted.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::Rotary;
using testing::fresh_seed;
using testing::random_floats;

class CudaRotary : public OnDevice {};

TEST_F(CudaRotary, IsTheReferenceBitForBitAlsoBeyondTheTable) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 30; ++repetition) {
    const auto head_dim = static_cast<std::uint32_t>(random.chance(0.5) ? 8 * (1 + random.below(32))
                                                                        : 2 * (1 + random.below(90)));
    const auto heads = static_cast<std::uint32_t>(1 + random.below(9));
    const auto tokens = static_cast<std::uint32_t>(random.below(6));
    const std::size_t distance = random.below(3) / 2;
    SCOPED_TRACE(::testing::Message()
                 << tokens << " tokens of " << heads << " x " << head_dim << ", at " << distance);
    constexpr std::uint32_t table_positions = 12;
    std::vector<std::uint32_t> positions(tokens);
    for (auto& position : positions) position = static_cast<std::uint32_t>(random.below(table_positions + 2));
    if (tokens > 4) positions[4] = 0xFFFFFFFFU;
    std::vector<float> values = random_floats(random, std::size_t{tokens} * heads * head_dim);
    const std::vector<float> table = random_floats(random, std::size_t{table_positions} * head_dim);
    const PlacedOnDevice device_values(values, distance);
    const PlacedOnDevice device_table(table, distance);
    const DeviceArray<std::uint32_t> device_positions(positions);
    Rotary call{device_values.data(),
                device_table.data(),
                device_positions.data(),
                table_positions,
                tokens,
                heads,
                head_dim};
    expect_ok(kernels::cuda::rotary(call, nullptr));
    call.values = values.data();
    call.table = table.data();
    call.positions = positions.data();
    ASSERT_EQ(kernels::rotary(call), kernels::Status::ok);
    ASSERT_EQ(bits_of(device_values.read()), bits_of(values));
  }
}

TEST_F(CudaRotary, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(64);
  const DeviceArray<std::uint32_t> positions(std::vector<std::uint32_t>{0});
  const Rotary sound{values.data(), values.data() + 32, positions.data(), 1, 1, 2, 8};
  const auto with = [&](auto change) {
    Rotary call = sound;
    change(call);
    return kernels::cuda::rotary(call, nullptr);
  };
  EXPECT_EQ(with([](Rotary& c) { c.heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Rotary& c) { c.head_dim = 7; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Rotary& c) { c.values = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Rotary& c) { c.table = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Rotary& c) { c.positions = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([&](Rotary& c) {
              c.values = reinterpret_cast<float*>(reinterpret_cast<std::byte*>(values.data()) + 2);
            }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([](Rotary& c) { c.tokens = 0x80000000U; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Rotary& c) { c.tokens = 0, c.values = nullptr; }), cudaSuccess);
}

}  // namespace
}  // namespace prophet::kernels_test
