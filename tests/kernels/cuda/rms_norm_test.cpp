#include "kernels/cuda/rms_norm.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/formatted.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::FloatFormat;
using kernels::RmsNorm;
using testing::fresh_seed;
using testing::random_floats;

/// A row's length: of a head, of a hidden state, or of more than a block brings to shared memory at once.
std::uint32_t draw_columns(Random& random) {
  const std::uint64_t most = random.chance(0.2) ? 9000 : random.chance(0.3) ? 3000 : 200;
  const auto columns = static_cast<std::uint32_t>(1 + random.below(most));
  return random.chance(0.6) ? (columns + 3) / 4 * 4 : columns;
}

class CudaRmsNorm : public OnDevice {};

TEST_F(CudaRmsNorm, IsTheReferenceBitForBitAlsoInPlace) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 40; ++repetition) {
    const bool several_tiles = repetition < 3;
    const std::uint32_t columns =
        several_tiles ? 9000 - static_cast<std::uint32_t>(repetition) : draw_columns(random);
    const auto rows = static_cast<std::uint32_t>(several_tiles ? 2 : random.below(5));
    const std::size_t distance = random.below(3) / 2;
    const bool in_place = random.chance(0.5);
    const FloatFormat format = draw_format(random);
    const float epsilon = random.chance(0.2) ? 0.0F : 1e-5F;
    SCOPED_TRACE(::testing::Message() << rows << " rows of " << columns << ", weights in format "
                                      << static_cast<int>(format) << ", at " << distance);
    const std::vector<float> values = random_floats(random, std::size_t{rows} * columns);
    const PlacedOnDevice input(values, distance);
    const PlacedOnDevice output(std::vector<float>(values.size(), 0.0F), distance);
    const FormattedNumbers weight(random_floats(random, columns), format, distance);
    std::vector<float> expected(values.size());
    RmsNorm call{
        input.data(), in_place ? input.data() : output.data(), weight.device(), format, rows, columns,
        epsilon};
    expect_ok(kernels::cuda::rms_norm(call, nullptr));
    call.input = values.data();
    call.output = expected.data();
    call.weight = weight.host();
    ASSERT_EQ(kernels::rms_norm(call), kernels::Status::ok);
    ASSERT_EQ(bits_of((in_place ? input : output).read()), bits_of(expected));
  }
}

TEST_F(CudaRmsNorm, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(std::vector<float>(64, 1.0F));
  const RmsNorm sound{values.data(), values.data(), values.data() + 32, FloatFormat::fp32, 1, 8, 1e-5F};
  const auto with = [&](auto change) {
    RmsNorm call = sound;
    change(call);
    return kernels::cuda::rms_norm(call, nullptr);
  };
  EXPECT_EQ(with([](RmsNorm& c) { c.columns = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](RmsNorm& c) { c.epsilon = -1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](RmsNorm& c) { c.input = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](RmsNorm& c) { c.output = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](RmsNorm& c) { c.weight = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([&](RmsNorm& c) { c.weight = reinterpret_cast<std::byte*>(values.data()) + 2; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([](RmsNorm& c) { c.rows = 0x80000000U; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](RmsNorm& c) { c.rows = 0, c.input = nullptr; }), cudaSuccess);
}

}  // namespace
}  // namespace prophet::kernels_test
