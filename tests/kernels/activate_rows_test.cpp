#include "kernels/activate_rows.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/kernels/expert_case.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::expert_activations;
using testing::fresh_seed;
using testing::random_floats;

TEST(ActivateRows, IsTheActivationOfEveryPair) {
  Random random(fresh_seed());
  for (const ExpertActivation activation : expert_activations) {
    const std::vector<float> gate = random_floats(random, 37);
    const std::vector<float> up = random_floats(random, 37);
    std::vector<float> found = gate;
    const float* const given = is_gated(activation) ? up.data() : nullptr;
    ASSERT_EQ(activate_rows({found.data(), given, activation, found.size()}), Status::ok);
    for (std::size_t i = 0; i < gate.size(); ++i) EXPECT_EQ(found[i], activate(activation, gate[i], up[i]));
  }
}

TEST(ActivateRows, RefusesActivationsAndNullPointersAndWritesNothing) {
  std::vector<float> gate(4, 5);
  const std::vector<float> up(4, 1);
  EXPECT_EQ(activate_rows({gate.data(), up.data(), ExpertActivation{7}, 4}), Status::bad_shape);
  EXPECT_EQ(activate_rows({gate.data(), nullptr, ExpertActivation::swiglu, 4}), Status::null_pointer);
  EXPECT_EQ(activate_rows({nullptr, up.data(), ExpertActivation::swiglu, 4}), Status::null_pointer);
  EXPECT_EQ(activate_rows({nullptr, nullptr, ExpertActivation::swiglu, 0}), Status::ok);
  EXPECT_EQ(gate, std::vector<float>(4, 5));
}

}  // namespace
}  // namespace prophet::kernels
