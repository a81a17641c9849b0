// The operations of a live model compute what the references in kernels/ compute: to the last bit where every
// operation is one that IEEE 754 rounds, within fp32's rounding where a library's function or another order
// of sums is allowed.
#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/activate_rows.hpp"
#include "kernels/embed.hpp"
#include "kernels/expert_ffn_formats.hpp"
#include "kernels/kv_append.hpp"
#include "kernels/linear.hpp"
#include "kernels/mix_experts.hpp"
#include "kernels/paged_attention.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/rotary.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/recording_device.hpp"
#include "runtime/device/handles.hpp"
#include "tests/device/model_conformance.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::testing {
namespace {

using kernels::FloatFormat;
using kernels::Status;

constexpr std::uint64_t capacity_bytes = 64ULL << 20;

std::unique_ptr<Device> cpu() {
  return make_cpu_device({capacity_bytes, 0});
}

const std::vector<DeviceCase> cases = {
    {"cpu", cpu},
    {"recording", [] { return std::make_unique<RecordingDevice>(cpu(), RecordingOptions{1000}); }},
};

INSTANTIATE_TEST_SUITE_P(Devices, ModelConformance, ::testing::ValuesIn(cases),
                         [](const auto& one) { return one.param.name; });

std::vector<std::uint32_t> random_below(Random& random, std::size_t count, std::uint64_t limit) {
  std::vector<std::uint32_t> values(count);
  for (std::uint32_t& value : values) value = static_cast<std::uint32_t>(random.below(limit));
  return values;
}

TEST_P(ModelConformance, EmbeddingsAreRowsOfTheTable) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const FloatFormat format : float_formats) {
    const std::vector<float> values = random_floats(random, 20 * 72);
    const std::vector<std::uint32_t> ids = random_below(random, 9, 20);
    const BufferView output = on_device(9 * 72 * 4);
    const WeightMatrix table{upload(stream.id(), values, format), format, 20, 72};
    device().launch(stream.id(), EmbedOp{table, upload(stream.id(), ids), output, 9}, 1);
    std::vector<float> expected(9 * 72);
    const std::vector<std::byte> there = stored(values, format);
    ASSERT_EQ(kernels::embed({{there.data(), format, 20, 72}, ids.data(), expected.data(), 9}), Status::ok);
    EXPECT_EQ(download<float>(stream.id(), output), expected);
  }
}

TEST_P(ModelConformance, NormsHaveTheReferencesBits) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const std::uint32_t columns : {16U, 96U, 1000U}) {
    const FloatFormat format = float_formats[random.below(3)];
    const std::vector<float> input = random_floats(random, std::size_t{5} * columns);
    const std::vector<std::byte> weight = stored(random_floats(random, columns), format);
    const BufferView there = upload(stream.id(), input);
    const BufferView weight_there = upload(stream.id(), weight);
    const BufferView output = on_device(there.size_bytes);
    NormOp op{there, output, weight_there, format, 5, columns, 1e-5F};
    device().launch(stream.id(), op, 1);
    op.output = op.input;
    device().launch(stream.id(), op, 2);
    std::vector<float> expected(input.size());
    ASSERT_EQ(kernels::rms_norm({.input = input.data(),
                                 .output = expected.data(),
                                 .weight = weight.data(),
                                 .format = format,
                                 .rows = 5,
                                 .columns = columns,
                                 .epsilon = 1e-5F}),
              Status::ok);
    EXPECT_EQ(download<float>(stream.id(), output), expected);
    EXPECT_EQ(download<float>(stream.id(), there), expected) << "in place";
  }
}

TEST_P(ModelConformance, ProjectionsHaveTheReferencesBitsAtAnyShape) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (int repetition = 0; repetition < 12; ++repetition) {
    const FloatFormat format = float_formats[random.below(3)];
    const auto rows = static_cast<std::uint32_t>(1 + random.below(70));
    const auto columns = static_cast<std::uint32_t>(1 + random.below(500));
    const auto tokens = static_cast<std::uint32_t>(1 + random.below(20));
    const std::vector<std::byte> weights = stored(random_floats(random, std::size_t{rows} * columns), format);
    const std::vector<std::byte> bias = stored(random_floats(random, rows), format);
    const std::vector<float> input = random_floats(random, std::size_t{tokens} * columns);
    std::vector<float> expected = random_floats(random, std::size_t{tokens} * rows);
    LinearOp op;
    op.weights = {upload(stream.id(), weights), format, rows, columns};
    op.input = upload(stream.id(), input);
    op.output = upload(stream.id(), expected);
    op.tokens = tokens;
    op.accumulate = random.chance(0.5);
    const bool has_bias = random.chance(0.5);
    if (has_bias) op.bias = upload(stream.id(), bias);
    device().launch(stream.id(), op, 1);
    ASSERT_EQ(kernels::linear({.weights = {weights.data(), format, rows, columns},
                               .bias = has_bias ? bias.data() : nullptr,
                               .input = input.data(),
                               .output = expected.data(),
                               .tokens = tokens,
                               .accumulate = op.accumulate}),
              Status::ok);
    EXPECT_EQ(download<float>(stream.id(), op.output), expected)
        << tokens << " x " << rows << " x " << columns;
  }
}

TEST_P(ModelConformance, ATokensProjectionDoesNotDependOnItsBatch) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  constexpr std::uint32_t tokens = 40;
  constexpr std::uint32_t rows = 48;
  constexpr std::uint32_t columns = 200;
  const FloatFormat format = float_formats[random.below(3)];
  LinearOp op;
  op.weights = {upload(stream.id(), random_floats(random, rows * columns), format), format, rows, columns};
  op.input = upload(stream.id(), random_floats(random, tokens * columns));
  op.output = on_device(tokens * rows * 4);
  op.tokens = tokens;
  device().launch(stream.id(), op, 1);
  LinearOp one = op;
  const BufferView alone = on_device(op.output.size_bytes);
  one.tokens = 1;
  for (std::uint64_t t = 0; t < tokens; ++t) {
    one.input = op.input.slice(t * columns * 4, columns * 4);
    one.output = alone.slice(t * rows * 4, rows * 4);
    device().launch(stream.id(), one, 2);
  }
  EXPECT_EQ(download<float>(stream.id(), alone), download<float>(stream.id(), op.output));
}

TEST_P(ModelConformance, RotationsHaveTheReferencesBits) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const std::uint32_t head_dim : {12U, 64U}) {
    constexpr std::uint32_t tokens = 7;
    constexpr std::uint32_t heads = 3;
    std::vector<float> values = random_floats(random, tokens * heads * head_dim);
    const std::vector<float> table = random_floats(random, 30 * head_dim);
    const std::vector<std::uint32_t> positions = random_below(random, tokens, 30);
    const RotaryOp op{upload(stream.id(), values),
                      upload(stream.id(), table),
                      upload(stream.id(), positions),
                      tokens,
                      heads,
                      head_dim};
    device().launch(stream.id(), op, 1);
    ASSERT_EQ(kernels::rotary({values.data(), table.data(), positions.data(), 30, tokens, heads, head_dim}),
              Status::ok);
    EXPECT_EQ(download<float>(stream.id(), op.values), values);
  }
}

/// Pages of 4 tokens, K and V of 2 heads of 64, two rows of the block table.
struct Pages {
  static constexpr std::uint32_t page_tokens = 4;
  static constexpr std::uint32_t pages = 6;
  static constexpr std::uint32_t pages_max = 3;

  explicit Pages(FloatFormat of) : format(of), memory(std::size_t{pages} * page_bytes()) {}
  [[nodiscard]] std::uint32_t page_bytes() const {
    return static_cast<std::uint32_t>(page_tokens * kernels::kv_token_bytes(2, 64, format));
  }
  [[nodiscard]] kernels::KvPages view() {
    return {.base = memory.data(),
            .grid = {.slab_bytes = page_bytes(), .pages_per_slab = 1, .page_bytes = page_bytes()},
            .pages = pages,
            .page_tokens = page_tokens,
            .format = format,
            .sequences = 2,
            .pages_max = pages_max,
            .block_table = table.data()};
  }

  FloatFormat format;
  std::vector<std::byte> memory;
  std::vector<std::uint32_t> table{5, 1, 3, 0, 4, 2};
};

TEST_P(ModelConformance, KvRowsLieInPagesAndAreAttendedTo) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const FloatFormat format : float_formats) {
    Pages pages(format);
    const std::vector<float> k = random_floats(random, 19 * 2 * 64);
    const std::vector<float> v = random_floats(random, k.size());
    std::vector<std::uint32_t> positions(19);
    std::vector<std::uint32_t> sequence_of(19);
    for (std::uint32_t t = 0; t < 19; ++t) {
      sequence_of[t] = t < 11 ? 0 : 1;
      positions[t] = t < 11 ? t : t - 11;
    }
    const std::vector<std::uint32_t> contexts = {11, 8};
    const std::vector<float> q = random_floats(random, 2 * 4 * 64);
    const KvPagesView kv{upload(stream.id(), pages.memory),
                         upload(stream.id(), pages.table),
                         format,
                         Pages::page_tokens,
                         pages.page_bytes(),
                         2,
                         Pages::pages_max};
    const AttentionOp attention{.kv = kv,
                                .q = upload(stream.id(), q),
                                .output = on_device(q.size() * 4),
                                .context_tokens = upload(stream.id(), contexts),
                                .context_tokens_max = 12,
                                .q_heads = 4,
                                .kv_heads = 2,
                                .head_dim = 64,
                                .scale = 0.125F};
    device().launch(stream.id(),
                    KvAppendOp{kv, upload(stream.id(), k), upload(stream.id(), v),
                               upload(stream.id(), positions), upload(stream.id(), sequence_of), 19, 2, 64},
                    1);
    device().launch(stream.id(), attention, 2);
    std::vector<float> expected(q.size());
    ASSERT_EQ(kernels::kv_append(pages.view(), {.k = k.data(),
                                                .v = v.data(),
                                                .tokens = 19,
                                                .kv_heads = 2,
                                                .head_dim = 64,
                                                .positions = positions.data(),
                                                .sequence_of = sequence_of.data()}),
              Status::ok);
    ASSERT_EQ(kernels::paged_attention(pages.view(), {.q = q.data(),
                                                      .output = expected.data(),
                                                      .q_heads = 4,
                                                      .kv_heads = 2,
                                                      .head_dim = 64,
                                                      .context_tokens = contexts.data(),
                                                      .context_tokens_max = 12,
                                                      .scale = 0.125F}),
              Status::ok);
    EXPECT_EQ(download<std::byte>(stream.id(), kv.pages), pages.memory);
    expect_floats(download<float>(stream.id(), attention.output), expected);
  }
}

TEST_P(ModelConformance, RoutersChooseWhatTheReferenceChooses) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  const kernels::RouterRule rule{.experts = 60, .top_k = 4, .normalised = true};
  const std::vector<float> logits = random_floats(random, 5 * 60);
  const BufferView ids = on_device(20 * 4);
  const BufferView weights = on_device(20 * 4);
  device().launch(stream.id(), RouteOp{upload(stream.id(), logits), ids, weights, rule, 5}, 1);
  std::vector<std::uint32_t> expected_ids(20);
  std::vector<float> expected_weights(20);
  ASSERT_EQ(kernels::router_topk(logits, {}, 5, rule, expected_ids, expected_weights), Status::ok);
  EXPECT_EQ(download<std::uint32_t>(stream.id(), ids), expected_ids);
  EXPECT_EQ(download<float>(stream.id(), weights), expected_weights);
}

TEST_P(ModelConformance, MixesHaveTheReferencesBits) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const int parts : {0, 1, 2}) {  // the experts alone, with a shared one, with its gate
    constexpr std::uint32_t tokens = 5;
    constexpr std::uint32_t top_k = 3;
    constexpr std::uint32_t hidden_size = 104;
    std::vector<float> hidden = random_floats(random, tokens * hidden_size);
    const std::vector<float> outputs = random_floats(random, 20 * hidden_size);
    const std::vector<float> weights = random_floats(random, tokens * top_k);
    const std::vector<float> shared = random_floats(random, hidden.size());
    const std::vector<float> gate = random_floats(random, tokens);
    const std::vector<std::uint32_t> slots = random_below(random, tokens * top_k, 20);
    const MixOp op{.hidden = upload(stream.id(), hidden),
                   .outputs = upload(stream.id(), outputs),
                   .weights = upload(stream.id(), weights),
                   .shared = parts == 0 ? BufferView{} : upload(stream.id(), shared),
                   .shared_gate = parts < 2 ? BufferView{} : upload(stream.id(), gate),
                   .slots = slots,
                   .tokens = tokens,
                   .top_k = top_k,
                   .hidden_size = hidden_size};
    device().launch(stream.id(), op, 1);
    ASSERT_EQ(kernels::mix_experts({.hidden = hidden.data(),
                                    .outputs = outputs.data(),
                                    .output_rows = 20,
                                    .weights = weights.data(),
                                    .slots = slots,
                                    .shared = parts == 0 ? nullptr : shared.data(),
                                    .shared_gate = parts < 2 ? nullptr : gate.data(),
                                    .tokens = tokens,
                                    .top_k = top_k,
                                    .hidden_size = hidden_size}),
              Status::ok);
    EXPECT_EQ(download<float>(stream.id(), op.hidden), hidden) << parts;
  }
}

TEST_P(ModelConformance, ActivationsAreTheReferences) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const kernels::ExpertActivation activation : expert_activations) {
    std::vector<float> gate = random_floats(random, 1000);
    const std::vector<float> up = random_floats(random, 1000);
    const ActivateOp op{upload(stream.id(), gate), upload(stream.id(), up), activation, 1000};
    device().launch(stream.id(), op, 1);
    ASSERT_EQ(kernels::activate_rows({gate.data(), up.data(), activation, 1000}), Status::ok);
    expect_floats(download<float>(stream.id(), op.gate), gate);
  }
}

TEST_P(ModelConformance, ExpertsOfEveryFormatComputeTheirLayout) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  for (const kernels::ExpertFormat format : expert_formats) {
    const bool gated = random.chance(0.7);
    const kernels::SlabLayout layout = layout_of(
        {.format = format, .hidden_size = 96, .width = 64, .gated = gated, .has_bias = random.chance(0.5)});
    const RandomExpert expert(random, layout);
    const std::vector<float> hidden = random_floats(random, 6 * 96);
    const std::vector<std::uint32_t> rows = {4, 1, 5};
    ExpertOp op;
    op.slab = upload(stream.id(), expert.slab);
    op.hidden = upload(stream.id(), hidden);
    op.output = on_device(rows.size() * 96 * 4);
    op.rows = rows;
    op.hidden_size = 96;
    op.layout = &layout;
    op.activation = gated ? kernels::ExpertActivation::swiglu : kernels::ExpertActivation::relu;
    device().launch(stream.id(), op, 1);
    std::vector<float> expected(rows.size() * 96);
    std::vector<float> inner(rows.size() * 64);
    ASSERT_EQ(kernels::expert_ffn_formats(layout, op.activation, expert.slab.data(), hidden.data(), 6, rows,
                                          expected.data(), inner.data()),
              Status::ok);
    expect_floats(download<float>(stream.id(), op.output), expected);
  }
}

}  // namespace
}  // namespace prophet::testing
