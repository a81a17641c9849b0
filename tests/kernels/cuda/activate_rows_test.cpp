#include "kernels/cuda/activate_rows.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/formatted.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ActivatedRows;
using kernels::ExpertActivation;
using testing::fresh_seed;
using testing::random_floats;

class CudaActivateRows : public OnDevice {};

/// exp, tanh and erf have last bits of their own on each side.
TEST_F(CudaActivateRows, IsTheReferenceWithinTheLastBitsOfItsFunctions) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 42; ++repetition) {
    const auto activation = static_cast<ExpertActivation>(repetition % kernels::expert_activation_count);
    const std::size_t values = random.below(random.chance(0.2) ? 5000 : 50);
    const std::size_t distance = random.below(3) / 2;
    const bool with_up = kernels::is_gated(activation) || random.chance(0.5);
    SCOPED_TRACE(::testing::Message()
                 << values << " values of " << kernels::activation_name(activation) << ", at " << distance);
    std::vector<float> gate = random_floats(random, values);
    for (float& value : gate) value *= 9.0F;
    const std::vector<float> up = random_floats(random, values);
    const PlacedOnDevice device_gate(gate, distance);
    const PlacedOnDevice device_up(up, distance);
    expect_ok(kernels::cuda::activate_rows(
        {device_gate.data(), with_up ? device_up.data() : nullptr, activation, values}, nullptr));
    ASSERT_EQ(kernels::activate_rows({gate.data(), with_up ? up.data() : nullptr, activation, values}),
              kernels::Status::ok);
    const std::vector<float> result = device_gate.read();
    for (std::size_t i = 0; i < values; ++i)
      ASSERT_NEAR(result[i], gate[i], 2e-6 * (1 + std::abs(gate[i]))) << i;
  }
}

TEST_F(CudaActivateRows, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(8);
  float* const some = values.data();
  const auto activate = [](const ActivatedRows& call) { return kernels::cuda::activate_rows(call, nullptr); };
  constexpr auto swiglu = ExpertActivation::swiglu;
  auto* const askew = reinterpret_cast<float*>(reinterpret_cast<std::byte*>(some) + 2);
  EXPECT_EQ(activate({some, nullptr, swiglu, 4}), cudaErrorInvalidValue);
  EXPECT_EQ(activate({nullptr, some, swiglu, 4}), cudaErrorInvalidValue);
  EXPECT_EQ(activate({askew, some, swiglu, 4}), cudaErrorInvalidValue);
  EXPECT_EQ(activate({some, some, static_cast<ExpertActivation>(7), 4}), cudaErrorInvalidValue);
  EXPECT_EQ(activate({some, some, swiglu, 1ULL << 40}), cudaErrorInvalidValue);
  expect_ok(activate({nullptr, nullptr, swiglu, 0}));
}

}  // namespace
}  // namespace prophet::kernels_test
