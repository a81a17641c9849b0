// Perplexity of a live model's experts in several formats, on the tiny checkpoints.
#include "runtime/engine/live/perplexity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/limited_device.hpp"
#include "runtime/device/make_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/memory/random_run.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

using kernels::ExpertFormat;
using ::testing::HasSubstr;

const std::vector<ExpertFormat> all_formats = {ExpertFormat::int8, ExpertFormat::int4_32, ExpertFormat::mxfp4,
                                               ExpertFormat::fp8_rows};

std::filesystem::path model(const std::string& name) {
  return live_folder() / "models" / name;
}

/// The prompts of the model's fixture, one behind the other.
std::vector<std::uint32_t> text_of(const std::string& name, std::size_t tokens) {
  std::vector<std::uint32_t> ids;
  for (const DecodedPrompt& prompt : load_decoder_fixture(live_folder() / "fixtures" / name).prompts)
    ids.insert(ids.end(), prompt.ids.begin(), prompt.ids.end());
  ids.resize(tokens);
  return ids;
}

/// Minus the logarithm of the softmax, as a textbook has it.
double nats(std::span<const float> logits, std::uint32_t token) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return -std::log(std::exp(static_cast<double>(logits[token])) / sum);
}

/// The experts of each token of each layer, as sets.
class ChosenSets final : public RoutingSink {
 public:
  void on_layer(const RoutedLayer& routed) override {
    const std::size_t top_k = routed.chosen.size() / routed.tokens.size();
    for (std::size_t at = 0; at < routed.chosen.size(); at += top_k) {
      sets.emplace_back();
      for (const ExpertId expert : routed.chosen.subspan(at, top_k)) sets.back().insert(expert.value);
    }
  }
  std::vector<std::set<std::uint32_t>> sets;
};

std::uint32_t first_largest(std::span<const float> logits) {
  return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

void expect_same_scores(const PerplexityReport& a, const PerplexityReport& b) {
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t r = 0; r < a.rows.size(); ++r) {
    SCOPED_TRACE(r);
    EXPECT_EQ(a.rows[r].format, b.rows[r].format);
    EXPECT_EQ(a.rows[r].window_nats, b.rows[r].window_nats);
    EXPECT_EQ(a.rows[r].same_top, b.rows[r].same_top);
    EXPECT_EQ(a.rows[r].kl_nats, b.rows[r].kl_nats);
    EXPECT_EQ(a.rows[r].same_routing, b.rows[r].same_routing);
  }
}

std::string refusal(Device& device, std::span<const std::uint32_t> ids, const PerplexityOptions& options,
                    ErrorCode code, const std::string& name = "olmoe-tiny") {
  try {
    (void)measure_perplexity(device, model(name), ids, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "nothing was refused";
}

class Perplexity : public ::testing::Test {
 protected:
  std::unique_ptr<Device> device_ = make_cpu_device({});
};

TEST_F(Perplexity, IsWhatTheLogitsOfEachWindowGiveByHand) {
  const std::vector<std::uint32_t> ids = text_of("olmoe-tiny", 100);
  PerplexityOptions options;
  options.window_tokens = 48;
  options.pass_tokens_max = 7;
  options.formats = {ExpertFormat::int4_32};
  const PerplexityReport report = measure_perplexity(*device_, model("olmoe-tiny"), ids, options);
  ASSERT_EQ(report.windows.count, 2U);
  EXPECT_EQ(report.windows.left_over, 4U);
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_TRUE(report.rows[0].stored);
  RigOptions quantised;
  quantised.expert_format = ExpertFormat::int4_32;
  LiveRig stored_rig(*device_, model("olmoe-tiny"), RigOptions{});
  LiveRig quantised_rig(*device_, model("olmoe-tiny"), quantised);
  const std::size_t vocab = stored_rig.weights().config().architecture.vocab_size;
  ChosenSets stored_sets;
  ChosenSets quantised_sets;
  stored_rig.model().set_sink(&stored_sets);
  quantised_rig.model().set_sink(&quantised_sets);
  double kl = 0;
  std::uint64_t same_top = 0;
  for (std::size_t w = 0; w < 2; ++w) {
    const auto window = std::span(ids).subspan(w * 48, 48);
    const std::vector<float> logits = stored_rig.logits_of(window, 48);
    const std::vector<float> others = quantised_rig.logits_of(window, 48);
    double stored = 0;
    double other = 0;
    for (std::size_t t = 0; t + 1 < 48; ++t) {
      const auto p = std::span(logits).subspan(t * vocab, vocab);
      const auto q = std::span(others).subspan(t * vocab, vocab);
      stored += nats(p, window[t + 1]);
      other += nats(q, window[t + 1]);
      same_top += static_cast<std::uint64_t>(first_largest(p) == first_largest(q));
      for (std::uint32_t v = 0; v < vocab; ++v) kl += std::exp(-nats(p, v)) * (nats(q, v) - nats(p, v));
    }
    EXPECT_NEAR(report.rows[0].window_nats[w], stored, 1e-9);
    EXPECT_NEAR(report.rows[1].window_nats[w], other, 1e-9);
  }
  EXPECT_NEAR(report.rows[1].kl_nats, kl, 1e-9);
  EXPECT_EQ(report.rows[1].same_top, same_top);
  std::uint64_t same_routing = 0;
  ASSERT_EQ(stored_sets.sets.size(), report.windows.run() * report.layers);
  for (std::size_t s = 0; s < stored_sets.sets.size(); ++s)
    same_routing += static_cast<std::uint64_t>(stored_sets.sets[s] == quantised_sets.sets[s]);
  EXPECT_EQ(report.rows[1].same_routing, same_routing);
  EXPECT_LT(same_routing, stored_sets.sets.size()) << "some choice was meant to change";
  EXPECT_EQ(report.rows[0].kl_nats, 0.0);
  EXPECT_EQ(same_top_share(report.windows, report.rows[0]), 1.0);
  EXPECT_EQ(same_routing_share(report, report.rows[0]), 1.0);
}

TEST_F(Perplexity, IsWhatTheLogitsOfTransformersGive) {
  for (const char* name : {"olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"}) {
    SCOPED_TRACE(name);
    const DecoderFixture fixture = load_decoder_fixture(live_folder() / "fixtures" / name);
    PerplexityOptions options;
    options.window_tokens = fixture.prompt_tokens();
    const std::vector<std::uint32_t> ids = text_of(name, fixture.prompts.size() * fixture.prompt_tokens());
    const PerplexityReport report = measure_perplexity(*device_, model(name), ids, options);
    ASSERT_EQ(report.windows.count, fixture.prompts.size());
    for (std::size_t p = 0; p < fixture.prompts.size(); ++p) {
      double expected = 0;
      for (std::size_t t = 0; t + 1 < fixture.prompt_tokens(); ++t)
        expected += nats(fixture.logits(p, t), fixture.prompts[p].ids[t + 1]);
      EXPECT_NEAR(report.rows[0].window_nats[p] / expected, 1.0, 1e-5);
    }
  }
}

TEST_F(Perplexity, IsTheSameToTheBitThroughAnySlabsAndPasses) {
  const std::vector<std::uint32_t> ids = text_of("qwen2-moe-tiny", 256);
  PerplexityOptions options;
  options.window_tokens = 128;
  options.formats = all_formats;
  const PerplexityReport resident = measure_perplexity(*device_, model("qwen2-moe-tiny"), ids, options);
  EXPECT_EQ(resident.slabs, 8U);
  EXPECT_EQ(resident.staging_slabs, 0U);
  for (const std::uint32_t slabs : {1U, 2U, 3U}) {
    SCOPED_TRACE(slabs);
    options.slabs = slabs;
    options.pass_tokens_max = 19 * slabs;
    const PerplexityReport report = measure_perplexity(*device_, model("qwen2-moe-tiny"), ids, options);
    expect_same_scores(report, resident);
    EXPECT_EQ(report.slabs, slabs);
    EXPECT_LT(report.rows[0].slab_bytes, resident.rows[0].slab_bytes);
    EXPECT_EQ(report.rows[0].all_experts_bytes, resident.rows[0].slab_bytes);
  }
}

TEST_F(Perplexity, TheDeviceHoldsTwoFormatsAtATime) {
  const std::vector<std::uint32_t> ids = text_of("olmoe-tiny", 128);
  PerplexityOptions options;
  options.window_tokens = 64;
  options.formats = all_formats;
  std::vector<ExpertFormat> told;
  options.progress = [&](ExpertFormat format, std::uint64_t done, std::uint64_t windows) {
    told.push_back(format);
    EXPECT_EQ(done, told.size() % 2 == 1 ? 1U : 2U);
    EXPECT_EQ(windows, 2U);
  };
  const PerplexityReport report = measure_perplexity(*device_, model("olmoe-tiny"), ids, options);
  EXPECT_EQ(told.size(), 2 * all_formats.size());
  EXPECT_EQ(told.back(), ExpertFormat::fp8_rows);
  const std::uint64_t beside = report.kv_bytes + report.activation_bytes;
  const std::uint64_t two =
      report.resident_bytes + 2 * beside + report.rows[0].slab_bytes + report.rows[1].slab_bytes;
  LimitedDevice enough(make_cpu_device({}), two);
  expect_same_scores(measure_perplexity(enough, model("olmoe-tiny"), ids, options), report);
  EXPECT_EQ(enough.used_bytes(), 0U);
  LimitedDevice too_small(make_cpu_device({}), two - 1);
  EXPECT_THAT(refusal(too_small, ids, options, ErrorCode::out_of_memory), HasSubstr("bytes"));
  EXPECT_EQ(too_small.used_bytes(), 0U) << "nothing stays half-loaded";
}

TEST_F(Perplexity, SlabsShrinkByTheBitsOfAFormatAndItsErrorsAreBounded) {
  // Bits of a value with its share of the scale, of experts of three matrices of 32 x 64.
  struct Bound {
    double bits_of_value;
    double kl_nats_max;
    double bits_more_max;
  };
  const std::map<ExpertFormat, Bound> bounds = {
      {ExpertFormat::int8, {8 + 32.0 * (32 + 32 + 64) / (3 * 32 * 64), 0.01, 0.05}},
      {ExpertFormat::fp8_rows, {8 + 32.0 * (32 + 32 + 64) / (3 * 32 * 64), 0.1, 0.2}},
      {ExpertFormat::int4_32, {4.5, 1, 1}},
      {ExpertFormat::mxfp4, {4.25, 1, 1}}};
  for (const char* name : {"olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"}) {
    SCOPED_TRACE(name);
    PerplexityOptions options;
    options.window_tokens = 128;
    options.formats = all_formats;
    const PerplexityReport report = measure_perplexity(*device_, model(name), text_of(name, 256), options);
    ASSERT_EQ(report.rows.size(), 5U);
    std::map<ExpertFormat, double> kl;
    for (const FormatRow& row : report.rows) {
      if (row.stored) continue;
      const Bound& bound = bounds.at(row.format);
      SCOPED_TRACE(kernels::format_info(row.format).name);
      EXPECT_EQ(static_cast<double>(row.expert_bytes),
                static_cast<double>(report.rows[0].expert_bytes) * bound.bits_of_value / 16);
      EXPECT_LT(row.slab_bytes, report.rows[0].slab_bytes);
      kl[row.format] = kl_nats_mean(report.windows, row);
      EXPECT_GT(kl[row.format], 0.0);
      EXPECT_LT(kl[row.format], bound.kl_nats_max);
      EXPECT_GE(row.kl_nats_max, kl[row.format]);
      EXPECT_LT(std::abs(bits_more(report.windows, row, report.rows[0]).mean), bound.bits_more_max);
    }
    EXPECT_LT(kl[ExpertFormat::int8], kl[ExpertFormat::fp8_rows]);
    EXPECT_LT(kl[ExpertFormat::fp8_rows], std::min(kl[ExpertFormat::int4_32], kl[ExpertFormat::mxfp4]));
  }
}

TEST_F(Perplexity, AFormatThatHoldsEveryStoredValueChangesRoundingAlone) {
  PerplexityOptions options;
  options.formats = {ExpertFormat::fp16, ExpertFormat::fp32, ExpertFormat::fp32};
  const PerplexityReport report =
      measure_perplexity(*device_, model("olmoe-tiny"), text_of("olmoe-tiny", 256), options);
  ASSERT_EQ(report.rows.size(), 2U) << "the stored format is there already, and no format twice";
  EXPECT_EQ(report.rows[1].format, ExpertFormat::fp32);
  EXPECT_NEAR(bits_more(report.windows, report.rows[1], report.rows[0]).mean, 0.0, 1e-5);
  EXPECT_LT(kl_nats_mean(report.windows, report.rows[1]), 1e-8);
  EXPECT_EQ(report.windows.tokens, 256U) << "the context is longer than the text";
}

TEST_F(Perplexity, TextsAndWindowsThatCannotBeScoredAreRefused) {
  const std::vector<std::uint32_t> ids = text_of("olmoe-tiny", 64);
  PerplexityOptions options;
  const auto refused = [&](std::span<const std::uint32_t> text) {
    return refusal(*device_, text, options, ErrorCode::usage);
  };
  EXPECT_THAT(refused({}), HasSubstr("a text of 0 tokens: expected at least 2"));
  EXPECT_THAT(refused(std::span(ids).first(1)), HasSubstr("a text of 1 tokens"));
  const std::vector<std::uint32_t> beyond = {1, 2, 96};
  EXPECT_THAT(refused(beyond), HasSubstr("token 2 of the text has id 96: expected one below 96"));
  options.window_tokens = 1;
  EXPECT_THAT(refused(ids), HasSubstr("a window of 1 tokens: expected 2 to 512"));
  options.window_tokens = 513;
  EXPECT_THAT(refused(ids), HasSubstr("a window of 513 tokens: expected 2 to 512"));
  const std::unique_ptr<Device> sim = make_device("sim:h100-80gb", {});
  EXPECT_THAT(refusal(*sim, ids, options, ErrorCode::usage), HasSubstr("moves no bytes"));
}

/// What transformers says of the sample model on the held-out text. A few windows stand for the others,
/// because slow builds run this too.
TEST_F(Perplexity, OfTheSampleModelOnTheHeldOutTextIsTransformers) {
  const std::size_t windows_compared = testing_support::random_operations(3);
  const std::filesystem::path data = live_model("sample");
  const std::filesystem::path manifest = live_folder() / "fixtures/sample/manifest.json";
  const nlohmann::json held_out = nlohmann::json::parse(std::ifstream(manifest)).at("held_out");
  const auto nats = held_out.at("window_nats").get<std::vector<double>>();
  PerplexityOptions options;
  options.window_tokens = held_out.at("window_bytes").get<std::uint32_t>();
  std::vector<std::uint32_t> ids;
  std::ifstream text(data / held_out.at("file").get<std::string>(), std::ios::binary);
  for (std::istreambuf_iterator<char> c(text), end; c != end; ++c)
    ids.push_back(static_cast<unsigned char>(*c));
  ASSERT_EQ(cut_windows(ids.size(), options.window_tokens).count, nats.size());
  ids.resize(std::min(windows_compared, nats.size()) * options.window_tokens);
  const PerplexityReport report = measure_perplexity(*device_, data, ids, options);
  for (std::size_t w = 0; w < report.windows.count; ++w)
    EXPECT_NEAR(report.rows[0].window_nats[w] / nats[w], 1.0, 1e-5) << "window " << w;
}

}  // namespace
}  // namespace prophet::testing
