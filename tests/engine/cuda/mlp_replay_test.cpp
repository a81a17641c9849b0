// A replay on the cuda device is told by the predictor's kernel what the host says: on the test vehicle where
// the build is one, else on the GPU.
#include "tests/engine/cuda/on_cuda_device.hpp"
#include "tests/engine/mlp_scenario.hpp"

namespace prophet::engine_test {
namespace {

class CudaMlpReplay : public OnCudaDevice {};

TEST_F(CudaMlpReplay, HearsFromTheKernelWhatTheHostSays) {
  const Scenario scenario(mlp_sizes);
  const auto model = learned(scenario);
  const HeardReplay expected = replay_mlp(scenario, model, *device_, nullptr);
  const HeardReplay found = replay_mlp(scenario, model, *device_, device_.get());
  EXPECT_EQ(found.forecasts, expected.forecasts);
  EXPECT_GT(found.forecasts.size(), 20U);
  EXPECT_EQ(found.metrics.outputs_digest, expected.metrics.outputs_digest);
  expect_same_requests(found.metrics, expected.metrics);
}

}  // namespace
}  // namespace prophet::engine_test
