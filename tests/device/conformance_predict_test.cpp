// Forecasts of the learned predictor on a device have the bits of the reference in kernels/, whatever the
// shape.
#include "kernels/predictor_mlp.hpp"
#include "runtime/device/handles.hpp"
#include "tests/device/model_conformance.hpp"

namespace prophet::testing {
namespace {

using kernels::FloatFormat;

/// A net and an input that no two shapes share, on the host and on a device.
struct PredictCase {
  PredictCase(Random& random, FloatFormat of)
      : format(of),
        groups(static_cast<std::uint32_t>(1 + random.below(12))),
        ids_per_group(static_cast<std::uint32_t>(1 + random.below(9))),
        experts(static_cast<std::uint32_t>(1 + random.below(140))),
        hidden(static_cast<std::uint32_t>(8 * (1 + random.below(40)))),
        lanes(static_cast<std::uint32_t>(1 + random.below(5))),
        w1(stored(random_floats(random, std::size_t{groups} * experts * hidden), format)),
        b1(random_floats(random, hidden)),
        w2(stored(random_floats(random, std::size_t{experts} * hidden), format)),
        b2(random_floats(random, experts)),
        ids(std::size_t{groups} * lanes * ids_per_group) {
    // One in five or so names nobody.
    for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random.below(experts + experts / 4 + 1));
  }

  [[nodiscard]] std::vector<float> expected() const {
    std::vector<float> logits(std::size_t{lanes} * kernels::predictor_row_values(experts));
    kernels::PredictorWeights weights;
    weights.format = format;
    weights.experts = experts;
    weights.recent_layers = groups - 1;
    weights.hidden = hidden;
    weights.w1 = w1.data();
    weights.b1 = b1.data();
    weights.w2 = w2.data();
    weights.b2 = b2.data();
    const std::size_t last = std::size_t{groups - 1} * lanes * ids_per_group;
    EXPECT_EQ(
        kernels::predictor_logits(weights, {ids.data(), ids.data() + last, lanes, ids_per_group}, logits),
        kernels::Status::ok);
    return logits;
  }

  FloatFormat format;
  std::uint32_t groups, ids_per_group, experts, hidden, lanes;
  std::vector<std::byte> w1;
  std::vector<float> b1;
  std::vector<std::byte> w2;
  std::vector<float> b2;
  std::vector<std::uint32_t> ids;
};

/// `upload` brings arrays to the device.
template <class Upload>
PredictOp predict_op(const PredictCase& one, const Upload& upload, BufferView logits) {
  PredictOp op;
  op.w1 = upload(one.w1);
  op.b1 = upload(one.b1);
  op.w2 = upload(one.w2);
  op.b2 = upload(one.b2);
  op.ids = upload(one.ids);
  op.logits = logits;
  op.format = one.format;
  op.groups = one.groups;
  op.ids_per_group = one.ids_per_group;
  op.experts = one.experts;
  op.hidden = one.hidden;
  op.lanes = one.lanes;
  return op;
}

std::uint64_t logits_bytes(const PredictCase& one) {
  return sizeof(float) * one.lanes * std::uint64_t{kernels::predictor_row_values(one.experts)};
}

TEST_P(ModelConformance, ForecastsHaveTheReferencesBits) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  const auto up = [&](const auto& values) { return upload(stream.id(), values); };
  for (int repetition = 0; repetition < 12; ++repetition) {
    const PredictCase one(random, float_formats[random.below(3)]);
    const PredictOp op = predict_op(one, up, on_device(logits_bytes(one)));
    device().launch(stream.id(), op, 1);
    std::vector<float> found = download<float>(stream.id(), op.logits);
    std::vector<float> expected = one.expected();
    const std::size_t row = kernels::predictor_row_values(one.experts);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (i % row >= one.experts) found[i] = expected[i] = 0;  // without meaning
    }
    EXPECT_EQ(found, expected) << one.groups << " groups x " << one.experts << " experts, " << one.hidden
                               << " units, " << one.lanes << " lanes";
  }
}

TEST_P(ModelConformance, ForecastsOfWrongShapeAreRefused) {
  Random random(fresh_seed());
  const Stream stream(device(), StreamRole::compute);
  const auto up = [&](const auto& values) { return upload(stream.id(), values); };
  PredictCase one(random, FloatFormat::bf16);
  while (one.w1.size() < logits_bytes(one)) one = PredictCase(random, FloatFormat::bf16);
  const PredictOp sound = predict_op(one, up, on_device(logits_bytes(one)));
  const auto expect = [&](const char* sentence, auto change) {
    SCOPED_TRACE(sentence);
    PredictOp op = sound;
    change(op);
    expect_refused(stream.id(), op, sentence);
  };
  expect("the number of experts is 0", [](PredictOp& op) { op.experts = 0; });
  expect("the number of experts is 513", [](PredictOp& op) { op.experts = 513; });
  expect("the number of groups is 66", [](PredictOp& op) { op.groups = 66; });
  expect("the number of ids of a group is 65", [](PredictOp& op) { op.ids_per_group = 65; });
  expect("the number of lanes is 0", [](PredictOp& op) { op.lanes = 0; });
  expect("hidden units is 4104", [](PredictOp& op) { op.hidden = 4104; });
  expect("expected a multiple of 8", [](PredictOp& op) { op.hidden = 12; });
  expect("format 7 is unknown", [](PredictOp& op) { op.format = FloatFormat{7}; });
  expect("w1 has", [](PredictOp& op) { op.w1.size_bytes -= 1; });
  expect("b1 has", [](PredictOp& op) { op.b1.size_bytes -= 1; });
  expect("w2 has", [](PredictOp& op) { op.w2.size_bytes -= 1; });
  expect("b2 has", [](PredictOp& op) { op.b2.size_bytes -= 1; });
  expect("the ids has", [](PredictOp& op) { op.ids.size_bytes -= 1; });
  expect("the logits has", [](PredictOp& op) { op.logits.size_bytes -= 1; });
  expect("not allocated", [](PredictOp& op) { op.ids = {}; });
  expect("overlaps", [](PredictOp& op) {
    op.logits = {op.w1.buffer, op.w1.offset_bytes, op.logits.size_bytes};
  });
}

}  // namespace
}  // namespace prophet::testing
