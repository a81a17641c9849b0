// Promise 12 of live decoding: after the first steps nothing allocates on the step path, lanes that take the
// next request included.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/allocation_counter.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t lanes = 3;
constexpr std::uint32_t context = 64;
constexpr std::uint32_t requests_count = 24;

/// Longer and longer ones, so that the last of them need the most of everything.
std::vector<LiveRequest> growing_requests() {
  std::vector<LiveRequest> all(requests_count);
  for (std::uint32_t r = 0; r < requests_count; ++r) {
    for (std::uint32_t t = 0; t < 4 + r; ++t) all[r].prompt.push_back((31 * r + 7 * t * t) % 96);
    all[r].new_tokens_max = 5 + r;
  }
  return all;
}

struct Way {
  std::string model;
  std::string predictor;
  double temperature = 0;
};

RigOptions tight(const Way& way, const DecoderConfig& config, Predictor* predictor) {
  RigOptions options;
  options.lanes = lanes;
  options.context_tokens = context;
  options.tokens_max = context;
  options.engine.cache = {config.shape.grid.size() / 2, 2};
  options.engine.transfer.chunk_bytes = 2048;
  options.engine.prefetch.width = config.shape.top_k;
  options.predictor = predictor;
  (void)way;
  return options;
}

std::unique_ptr<Predictor> predictor_of(const Way& way, const DecoderConfig& config) {
  PredictorOptions options;
  options.grid = config.shape.grid;
  options.top_k = config.shape.top_k;
  options.lanes = lanes;
  options.ahead_layers = 1;
  return make_predictor(way.predictor, options);
}

/// Runs every request; returns the allocations of all threads after the first `warm_up` steps, and all steps.
std::uint64_t run(const Way& way, Device& device, std::uint64_t warm_up, std::uint64_t& steps) {
  const std::filesystem::path folder = live_folder() / "models" / way.model;
  const DecoderConfig config = load_decoder_config(folder);
  const auto predictor = predictor_of(way, config);
  LiveRig rig(device, folder, tight(way, config, predictor.get()));
  const std::vector<LiveRequest> requests = growing_requests();
  DecodeOptions options;
  options.lanes = lanes;
  options.prefill_chunk_tokens = 16;
  options.sampling.temperature = way.temperature;
  options.sampling.top_p = 0.95;
  rig.loop().expect_steps(requests_count * context);
  ContinuousDecode decoding(rig.loop(), rig.model(), requests, {}, context, options, {});
  std::uint64_t before = 0;
  for (steps = 0; decoding.step(); ++steps) {
    if (steps == warm_up) before = heap_allocations();
  }
  return heap_allocations() - before;
}

TEST(NoAllocation, InAnyStepOfALiveDecodeAfterTheFirstOnes) {
  if (!heap_allocations_are_counted()) GTEST_SKIP() << "a sanitizer watches the heap in this build";
  for (const char* const model : {"olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"}) {
    for (const char* const predictor : {"none", "previous-token", "gate-ahead"}) {
      for (const double temperature : {0.0, 1.0}) {
        const Way way{model, predictor, temperature};
        const auto device = make_cpu_device({});
        std::uint64_t steps = 0;
        (void)run(way, *device, 0, steps);  // devices grow their queues to the depth that they meet
        // Lanes are taken seven times more after half of the steps.
        EXPECT_EQ(run(way, *device, steps / 2, steps), 0U)
            << model << ", " << predictor << ", temperature " << temperature;
        EXPECT_GT(steps, 150U);
      }
    }
  }
}

}  // namespace
}  // namespace prophet::testing
