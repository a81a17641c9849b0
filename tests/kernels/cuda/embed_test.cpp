#include "kernels/cuda/embed.hpp"

#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/formatted.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::Embedding;
using kernels::FloatFormat;
using testing::fresh_seed;
using testing::random_floats;

class CudaEmbed : public OnDevice {};

TEST_F(CudaEmbed, IsTheReferenceBitForBitAlsoForIdsThatTheTableHasNot) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 30; ++repetition) {
    const auto rows = static_cast<std::uint32_t>(1 + random.below(40));
    auto columns = static_cast<std::uint32_t>(1 + random.below(random.chance(0.2) ? 3000 : 200));
    if (random.chance(0.6)) columns = (columns + 7) / 8 * 8;
    const auto tokens = static_cast<std::uint32_t>(random.below(6));
    const std::size_t distance = random.below(3) / 2;
    const FloatFormat format = draw_format(random);
    SCOPED_TRACE(::testing::Message() << tokens << " tokens of " << rows << " x " << columns << " in format "
                                      << static_cast<int>(format) << ", at " << distance);
    std::vector<std::uint32_t> ids(tokens);
    for (auto& id : ids) id = static_cast<std::uint32_t>(random.below(rows + 2));
    if (tokens > 3) ids[3] = 0xFFFFFFFFU;
    const FormattedNumbers table(random_floats(random, std::size_t{rows} * columns), format, distance);
    const DeviceArray<std::uint32_t> device_ids(ids);
    std::vector<float> expected(std::size_t{tokens} * columns);
    const PlacedOnDevice output(expected, distance);
    Embedding call{{table.device(), format, rows, columns}, device_ids.data(), output.data(), tokens};
    expect_ok(kernels::cuda::embed(call, nullptr));
    call.table.data = table.host();
    call.ids = ids.data();
    call.output = expected.data();
    ASSERT_EQ(kernels::embed(call), kernels::Status::ok);
    ASSERT_EQ(bits_of(output.read()), bits_of(expected));
  }
}

TEST_F(CudaEmbed, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(64);
  const DeviceArray<std::uint32_t> ids(std::vector<std::uint32_t>{0});
  const Embedding sound{{values.data(), FloatFormat::fp32, 4, 8}, ids.data(), values.data() + 32, 1};
  const auto with = [&](auto change) {
    Embedding call = sound;
    change(call);
    return kernels::cuda::embed(call, nullptr);
  };
  EXPECT_EQ(with([](Embedding& c) { c.table.columns = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Embedding& c) { c.table.format = static_cast<FloatFormat>(3); }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Embedding& c) { c.table.data = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Embedding& c) { c.ids = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Embedding& c) { c.output = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([&](Embedding& c) { c.table.data = reinterpret_cast<std::byte*>(values.data()) + 2; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([](Embedding& c) { c.tokens = 0x80000000U; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Embedding& c) { c.tokens = 0, c.ids = nullptr; }), cudaSuccess);
}

}  // namespace
}  // namespace prophet::kernels_test
