#include "kernels/cuda/predictor_mlp.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/kv_cache.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::LaneUnion;
using kernels::no_slab;
using kernels::PredictedExpert;
using kernels::predictor_row_values;
using kernels::PredictorActivation;
using kernels::PredictorInput;
using kernels::PredictorWeights;
using kernels::cuda::PredictMissing;
using testing::fresh_seed;
using testing::random_floats;

/// Random weights and inputs of one target layer, on both sides.
class Predictor {
 public:
  Predictor(const PredictorWeights& shape, std::uint32_t lanes, std::uint32_t top_k, Random& random)
      : shape_(shape),
        columns_(predictor_row_values(shape.hidden == 0 ? shape.experts : shape.hidden)),
        w1_(random_floats(random, std::size_t{shape.recent_layers + 1} * shape.experts * columns_),
            shape.format),
        b1_(random_floats(random, columns_)),
        w2_(random_floats(random, std::size_t{shape.experts} * shape.hidden), shape.format),
        b2_(random_floats(random, shape.experts)),
        recent_(draw_ids(random, std::size_t{shape.recent_layers} * lanes * top_k)),
        previous_(draw_ids(random, std::size_t{lanes} * top_k)),
        lanes_(lanes),
        top_k_(top_k),
        device_b1_(b1_),
        device_b2_(b2_),
        device_recent_(recent_),
        device_previous_(previous_) {}

  [[nodiscard]] std::size_t logits_size() const {
    return lanes_ * std::size_t{predictor_row_values(shape_.experts)};
  }

  [[nodiscard]] PredictorWeights device_weights() const {
    PredictorWeights weights = shape_;
    weights.w1 = w1_.device();
    weights.b1 = device_b1_.data();
    weights.w2 = w2_.device();
    weights.b2 = device_b2_.data();
    return weights;
  }
  [[nodiscard]] PredictorInput device_input() const {
    return {device_recent_.data(), device_previous_.data(), lanes_, top_k_};
  }

  [[nodiscard]] std::vector<float> reference() {
    PredictorWeights weights = shape_;
    weights.w1 = w1_.host();
    weights.b1 = b1_.data();
    weights.w2 = w2_.host();
    weights.b2 = b2_.data();
    std::vector<float> logits(logits_size());
    const PredictorInput input{recent_.data(), previous_.data(), lanes_, top_k_};
    EXPECT_EQ(kernels::predictor_logits(weights, input, logits), kernels::Status::ok);
    return without_padding(logits);
  }

  [[nodiscard]] std::vector<float> on_device() const {
    const DeviceArray<float> logits(logits_size());
    const std::uint64_t bytes = kernels::cuda::predictor_workspace_bytes(device_weights(), device_input());
    const DeviceArray<std::byte> workspace(bytes);
    expect_ok(kernels::cuda::predictor_logits(device_weights(), device_input(), logits.data(),
                                              workspace.data(), bytes, nullptr));
    return without_padding(logits.read());
  }

 private:
  /// Some ids are none.
  [[nodiscard]] std::vector<std::uint32_t> draw_ids(Random& random, std::size_t count) const {
    std::vector<std::uint32_t> ids(count);
    for (auto& id : ids) {
      id = random.chance(0.1) ? 0xFFFFFFFFU : static_cast<std::uint32_t>(random.below(shape_.experts + 1));
    }
    return ids;
  }

  [[nodiscard]] std::vector<float> without_padding(const std::vector<float>& logits) const {
    std::vector<float> kept;
    const std::size_t row_values = predictor_row_values(shape_.experts);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (i % row_values < shape_.experts) kept.push_back(logits[i]);
    }
    return kept;
  }

  PredictorWeights shape_;
  std::uint32_t columns_;
  FormattedArray w1_;
  std::vector<float> b1_;
  FormattedArray w2_;
  std::vector<float> b2_;
  std::vector<std::uint32_t> recent_;
  std::vector<std::uint32_t> previous_;
  std::uint32_t lanes_;
  std::uint32_t top_k_;
  DeviceArray<float> device_b1_;
  DeviceArray<float> device_b2_;
  DeviceArray<std::uint32_t> device_recent_;
  DeviceArray<std::uint32_t> device_previous_;
};

PredictorWeights draw_shape(Random& random) {
  PredictorWeights shape;
  shape.format = static_cast<FloatFormat>(random.below(3));
  shape.experts = static_cast<std::uint32_t>(1 + random.below(130));
  shape.recent_layers = static_cast<std::uint32_t>(random.below(4));
  shape.hidden = random.chance(0.3) ? 0 : static_cast<std::uint32_t>(8 * (1 + random.below(90)));
  return shape;
}

constexpr std::uint32_t slabs = 8;

kernels::SlabTable table_of(const std::uint32_t* slab_of, std::size_t experts) {
  return {.slab_of = slab_of, .experts = static_cast<std::uint32_t>(experts), .slabs = slabs};
}

/// The missing experts as the device lists them, in mapped host memory.
std::vector<PredictedExpert> list_missing(const std::vector<float>& logits, std::uint32_t lanes,
                                          const std::vector<std::uint32_t>& slab_of, LaneUnion lane_union,
                                          std::uint32_t top_m) {
  struct Mapped {
    std::uint32_t count;
    PredictedExpert missing[kernels::predictor_experts_max];
  };
  void* memory = nullptr;
  void* mapped = nullptr;
  expect_ok(cudaHostAlloc(&memory, sizeof(Mapped), cudaHostAllocMapped));
  expect_ok(cudaHostGetDevicePointer(&mapped, memory, 0));
  auto* const list = static_cast<Mapped*>(mapped);
  const DeviceArray<float> device_logits(logits);
  const DeviceArray<std::uint32_t> device_slabs(slab_of);
  const PredictMissing call{.logits = device_logits.data(),
                            .lanes = lanes,
                            .table = table_of(device_slabs.data(), slab_of.size()),
                            .lane_union = lane_union,
                            .top_m = top_m,
                            .missing = list->missing,
                            .count = &list->count};
  expect_ok(kernels::cuda::predict_missing(call, nullptr));
  expect_ok(cudaDeviceSynchronize());
  const auto* const result = static_cast<const Mapped*>(memory);
  std::vector<PredictedExpert> missing(result->missing, result->missing + result->count);
  expect_ok(cudaFreeHost(memory));
  return missing;
}

void expect_same(const std::vector<PredictedExpert>& actual, std::span<const PredictedExpert> expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].expert, expected[i].expert) << "place " << i;
    EXPECT_EQ(actual[i].value, expected[i].value) << "place " << i;
  }
}

class CudaPredictorMlp : public OnDevice {};

TEST_F(CudaPredictorMlp, IsTheReferenceBitForBitAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 25; ++repetition) {
    const PredictorWeights shape = draw_shape(random);
    const auto lanes = static_cast<std::uint32_t>(1 + random.below(4));
    const auto top_k = static_cast<std::uint32_t>(1 + random.below(8));
    SCOPED_TRACE(::testing::Message() << shape.experts << " experts, " << shape.recent_layers << " layers, "
                                      << shape.hidden << " hidden, " << lanes << " lanes");
    Predictor predictor(shape, lanes, top_k, random);
    ASSERT_EQ(predictor.on_device(), predictor.reference());
  }
}

TEST_F(CudaPredictorMlp, IsTheReferenceWithinTheErrorFunctionsLastBits) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 5; ++repetition) {
    PredictorWeights shape = draw_shape(random);
    shape.hidden = 64;
    shape.activation = PredictorActivation::gelu;
    Predictor predictor(shape, 2, 4, random);
    EXPECT_LT(relative_distance(predictor.reference(), predictor.on_device()), 1e-5);
  }
}

TEST_F(CudaPredictorMlp, ListsTheMissingOfTheFirstExpertsInOrder) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 25; ++repetition) {
    const auto experts = static_cast<std::uint32_t>(repetition == 0 ? 512 : 1 + random.below(200));
    const auto lanes = static_cast<std::uint32_t>(random.below(5));
    const auto top_m = static_cast<std::uint32_t>(repetition < 2 ? experts : random.below(experts + 1));
    const LaneUnion lane_union = random.chance(0.5) ? LaneUnion::any : LaneUnion::sum;
    SCOPED_TRACE(::testing::Message() << top_m << " of " << experts << " experts, " << lanes << " lanes");
    std::vector<float> logits(std::size_t{lanes} * predictor_row_values(experts));
    // Few different numbers, so that many are equal.
    for (float& logit : logits) logit = static_cast<float>(random.below(7)) - 3;
    std::vector<std::uint32_t> slab_of(experts);
    for (auto& slab : slab_of)
      slab = random.chance(0.5) ? no_slab : static_cast<std::uint32_t>(random.below(9));
    std::array<PredictedExpert, kernels::predictor_experts_max> expected;
    const std::uint32_t count = kernels::predict_missing(logits, lanes, table_of(slab_of.data(), experts),
                                                         lane_union, top_m, expected.data());
    expect_same(list_missing(logits, lanes, slab_of, lane_union, top_m), std::span(expected).first(count));
  }
}

TEST_F(CudaPredictorMlp, PutsTheLowerIdFirstAmongEquals) {
  const std::vector<float> logits{1, 2, 1, 2, 1, 2, 1, 0};
  const std::vector<std::uint32_t> slab_of{no_slab, no_slab, 5, 6, no_slab, no_slab, 7, no_slab};
  const auto missing = list_missing(logits, 1, slab_of, LaneUnion::any, 5);
  // The first five are 1, 3, 5, 0, 2.
  ASSERT_EQ(missing.size(), 3U);
  EXPECT_EQ(missing[0].expert, 1U);
  EXPECT_EQ(missing[1].expert, 5U);
  EXPECT_EQ(missing[2].expert, 0U);
  EXPECT_NEAR(missing[0].value, 1 / (1 + std::exp(-2.0)), 1e-6);
}

TEST_F(CudaPredictorMlp, UnitesLanesAsChancesOrAsSums) {
  const std::vector<float> logits{0, 100, -100, 0, 0, 0, 0, 0,  //
                                  0, 100, -100, 1, 0, 0, 0, 0};
  const std::vector<std::uint32_t> slab_of(4, no_slab);
  const auto any = list_missing(logits, 2, slab_of, LaneUnion::any, 4);
  ASSERT_EQ(any.size(), 4U);
  EXPECT_EQ(any[0].expert, 1U);
  EXPECT_EQ(any[0].value, 1.0F);
  EXPECT_EQ(any[2].expert, 0U);
  EXPECT_EQ(any[2].value, 0.75F);
  EXPECT_EQ(any[3].value, 0.0F);
  const auto sum = list_missing(logits, 2, slab_of, LaneUnion::sum, 4);
  EXPECT_EQ(sum[0].value, 2.0F);
  EXPECT_EQ(sum[2].value, 1.0F);
}

TEST_F(CudaPredictorMlp, TakesALogitThatIsNotANumberForNoChance) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits{not_a_number, -3, infinity, -infinity, 0, 0, 0, 0};
  const std::vector<std::uint32_t> slab_of(4, no_slab);
  const auto missing = list_missing(logits, 1, slab_of, LaneUnion::any, 4);
  ASSERT_EQ(missing.size(), 4U);
  EXPECT_EQ(missing[0].expert, 2U);
  EXPECT_EQ(missing[0].value, 1.0F);
  EXPECT_EQ(missing[1].expert, 1U);
  EXPECT_EQ(missing[2].expert, 0U);
  EXPECT_EQ(missing[2].value, 0.0F);
  EXPECT_EQ(missing[3].expert, 3U);
}

TEST_F(CudaPredictorMlp, RefusesShapesThatItHasNoKernelFor) {
  Random random(fresh_seed());
  PredictorWeights shape;
  shape.experts = 16;
  shape.recent_layers = 1;
  shape.hidden = 16;
  const Predictor predictor(shape, 2, 2, random);
  const DeviceArray<float> logits(predictor.logits_size());
  const DeviceArray<float> workspace(32);
  const auto predict = [&](auto change, std::uint64_t bytes = 128) {
    PredictorWeights weights = predictor.device_weights();
    PredictorInput input = predictor.device_input();
    change(weights, input);
    return kernels::cuda::predictor_logits(weights, input, logits.data(), workspace.data(), bytes, nullptr);
  };
  const auto nothing = [](PredictorWeights&, PredictorInput&) {};
  EXPECT_EQ(predict(nothing), cudaSuccess);
  EXPECT_EQ(predict(nothing, 127), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights&, PredictorInput& i) { i.lanes = 0; }), cudaSuccess);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.experts = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.experts = 513; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.hidden = 12; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.recent_layers = 65; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.w1 = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.b1 += 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.w2 = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights& w, PredictorInput&) { w.b2 = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights&, PredictorInput& i) { i.recent = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights&, PredictorInput& i) { i.previous = nullptr; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(predict([](PredictorWeights&, PredictorInput& i) { i.top_k = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::predictor_logits(predictor.device_weights(), predictor.device_input(), nullptr,
                                            workspace.data(), 128, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::predictor_logits(predictor.device_weights(), predictor.device_input(),
                                            logits.data(), nullptr, 128, nullptr),
            cudaErrorInvalidValue);
}

TEST_F(CudaPredictorMlp, RefusesAListThatCannotBe) {
  const DeviceArray<float> logits(64);
  const DeviceArray<std::uint32_t> numbers(64);
  const DeviceArray<PredictedExpert> missing(64);
  const PredictMissing sound{.logits = logits.data(),
                             .lanes = 1,
                             .table = table_of(numbers.data(), 8),
                             .top_m = 4,
                             .missing = missing.data(),
                             .count = numbers.data() + 32};
  const auto list = [&](auto change) {
    PredictMissing call = sound;
    change(call);
    return kernels::cuda::predict_missing(call, nullptr);
  };
  EXPECT_EQ(list([](PredictMissing& c) { c.table.experts = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.table.experts = 513; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.top_m = 9; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.lanes = 1025; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.logits = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.table.slab_of = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.count = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(list([](PredictMissing& c) { c.missing = nullptr; }), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace prophet::kernels_test
