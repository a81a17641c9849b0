// Promise 10 of live decoding: prompts that arrive between decode steps do not throw out what those keep in
// the cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/device/cpu_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/memory/random_run.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t lanes = 2;

/// A model, prompts of a length, and how long each is continued.
struct MixedRun {
  std::filesystem::path model;
  std::vector<LiveRequest> requests;
  std::uint32_t slabs = 0;
};

struct Found {
  LayerCounts decode;  ///< what decode steps met
  std::uint64_t prefill_passes = 0;
  std::uint64_t passes_that_changed_a_full_cache = 0;
  [[nodiscard]] double hit_rate() const {
    return static_cast<double>(decode.hit_on_time + decode.hit_late) / static_cast<double>(decode.requests);
  }
};

std::set<std::uint32_t> residents(const LiveRig& rig, const StepLoop& loop) {
  std::set<std::uint32_t> found;
  for (std::uint32_t e = 0; e < rig.weights().config().shape.grid.size(); ++e) {
    if (loop.cache().find(ExpertIndex{e})) found.insert(e);
  }
  return found;
}

Found run(const MixedRun& mixed, bool bypass) {
  const auto device = make_cpu_device({});
  const DecoderConfig config = load_decoder_config(mixed.model);
  RigOptions options;
  options.lanes = lanes;
  options.context_tokens = 0;
  for (const LiveRequest& request : mixed.requests) {
    options.context_tokens =
        std::max(options.context_tokens, static_cast<std::uint32_t>(sequence_tokens(request)));
  }
  options.tokens_max = options.context_tokens;
  options.engine.cache = {mixed.slabs, config.shape.top_k};
  options.engine.bypass_prefill = bypass;
  options.engine.verify = false;
  LiveRig rig(*device, mixed.model, options);
  DecodeOptions decode;
  decode.lanes = lanes;
  decode.stops_at_eos = false;
  ContinuousDecode decoding(rig.loop(), rig.model(), mixed.requests, {}, options.context_tokens, decode, {});
  Found found;
  LayerCounts seen;
  std::set<std::uint32_t> before;
  while (decoding.step()) {
    const ReplayMetrics& metrics = rig.loop().finish();
    const std::set<std::uint32_t> now = residents(rig, rig.loop());
    if (metrics.prefill_passes > found.prefill_passes) {
      found.passes_that_changed_a_full_cache += before.size() == mixed.slabs && now != before ? 1U : 0U;
    } else {
      found.decode.requests += metrics.total.requests - seen.requests;
      found.decode.hit_on_time += metrics.total.hit_on_time - seen.hit_on_time;
      found.decode.hit_late += metrics.total.hit_late - seen.hit_late;
    }
    found.prefill_passes = metrics.prefill_passes;
    seen = metrics.total;
    before = now;
  }
  return found;
}

/// Prompts in quick succession: each is read in one pass between decode steps of the other lane.
void expect_decode_steps_keep_their_experts(const MixedRun& mixed) {
  const Found bypassed = run(mixed, true);
  const Found cached = run(mixed, false);
  std::printf("decode steps' hit rate between %llu prompts: %.1f %% with bypass, %.1f %% without\n",
              static_cast<unsigned long long>(bypassed.prefill_passes), 100 * bypassed.hit_rate(),
              100 * cached.hit_rate());
  EXPECT_EQ(bypassed.prefill_passes, mixed.requests.size());
  EXPECT_EQ(bypassed.decode.requests, cached.decode.requests);
  EXPECT_EQ(bypassed.passes_that_changed_a_full_cache, 0U);
  EXPECT_GT(cached.passes_that_changed_a_full_cache, mixed.requests.size() / 2);
  EXPECT_GT(bypassed.hit_rate(), cached.hit_rate());
}

TEST(MixedRun, PromptsLeaveTheDecodeStepsOfATinyModelTheirExperts) {
  MixedRun mixed;
  mixed.model = live_folder() / "models" / "olmoe-tiny";
  mixed.slabs = 10;
  for (std::uint32_t r = 0; r < 32; ++r) {
    LiveRequest request;
    for (std::uint32_t t = 0; t < 32; ++t) request.prompt.push_back((17 * r + 5 * t * t + t) % 96);
    request.new_tokens_max = 8 + r % 5;
    mixed.requests.push_back(std::move(request));
  }
  expect_decode_steps_keep_their_experts(mixed);
}

TEST(MixedRun, PromptsLeaveTheDecodeStepsOfTheSampleModelTheirExperts) {
  const std::filesystem::path folder = live_model("sample");
  std::ifstream in(folder / "held_out.txt", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  constexpr std::size_t prompt_bytes = 192;
  MixedRun mixed;
  mixed.model = folder;
  mixed.slabs = load_decoder_config(folder).shape.grid.size() / 4;
  const auto prompts = static_cast<std::uint32_t>(9 + testing_support::random_operations(14));
  for (std::uint32_t r = 0; r < prompts; ++r) {
    LiveRequest request;
    for (const char byte : text.substr(r * (text.size() - prompt_bytes) / prompts, prompt_bytes))
      request.prompt.push_back(static_cast<unsigned char>(byte));
    request.new_tokens_max = 6 + r % 3;
    mixed.requests.push_back(std::move(request));
  }
  expect_decode_steps_keep_their_experts(mixed);
}

}  // namespace
}  // namespace prophet::testing
