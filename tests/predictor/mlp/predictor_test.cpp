#include "predictor/mlp/mlp_predictor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "predictor/trained/train_predictor.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/limited_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{5, 26};  // no multiple of what kernels take at once
constexpr std::uint32_t top_k = 3;
constexpr std::uint32_t lanes = 3;

class MlpPredicts : public ::testing::Test {
 protected:
  /// Everything that is said while three sequences run in lock-step, one of which ends early.
  std::vector<std::vector<float>> told(Device* device, bool prepares, float adapt_rate = 0) {
    MlpPredictor predictor(model, {lanes, device, adapt_rate});
    std::vector<std::vector<float>> all;
    for (std::uint32_t lane = 0; lane < lanes; ++lane) predictor.start_lane(LaneId{lane});
    for (std::uint32_t step = 0; step < 12; ++step) {
      const std::uint32_t running = step < 8 ? lanes : 2;
      for (std::uint32_t l = 0; l < grid.layers; ++l) {
        for (std::uint32_t lane = 0; lane < running; ++lane)
          show(predictor, LaneId{lane}, trace, trace.sequences()[1 + lane].first_token + step, l, l);
        for (std::uint32_t ahead = 1; prepares && ahead <= 1 + step % 3; ++ahead)
          predictor.prepare(LayerId{l}, LayerId{(l + ahead) % grid.layers});
        for (std::uint32_t ahead = 1; ahead <= 4; ++ahead)
          all.push_back(ask(predictor, grid, l, (l + ahead) % grid.layers));
      }
    }
    return all;
  }

  const std::uint64_t seed = announced_seed();
  Random random{seed};
  const RoutingTrace trace = random_trace(random, grid, top_k, {60, 20, 20, 8});
  const std::shared_ptr<const MlpModel> model = [this] {
    PredictorTraining quick;
    quick.mlp.wish.hidden = 40;
    quick.mlp.net.epochs = 2;
    quick.use.epochs = 1;
    return train_predictor(trace, std::vector{SequenceId{0}}, quick).mlp;
  }();
};

TEST_F(MlpPredicts, SaysOnADeviceWhatItSaysOnTheHostToTheLastBit) {
  SCOPED_TRACE(seed);
  const auto cpu = make_cpu_device({64ULL << 20, 0});
  const auto expected = told(nullptr, false);
  EXPECT_EQ(told(cpu.get(), true), expected);
  EXPECT_EQ(told(cpu.get(), false), expected) << "not prepared";
  const auto sim = make_sim_device(load_gpu_profile("h100-80gb"), {});
  EXPECT_EQ(told(sim.get(), true), expected);
}

TEST_F(MlpPredicts, UpToThreeLayersAheadAndNotForTheSameLayer) {
  const auto said = told(nullptr, false);
  for (std::size_t i = 0; i < said.size(); ++i) {
    EXPECT_EQ(said[i].empty(), i % 4 == 3) << "forecast " << i;
    for (const float p : said[i]) EXPECT_TRUE(p >= 0 && p <= 1) << p;
  }
}

TEST_F(MlpPredicts, TakesItsTimeOnTheSim) {
  const auto sim = make_sim_device(load_gpu_profile("h100-80gb"), {});
  MlpPredictor predictor(model, {1, sim.get(), 0});
  predictor.start_lane(LaneId{0});
  show(predictor, LaneId{0}, trace, 0, 0, 0);
  const std::uint64_t before_ns = sim->now_ns();
  (void)ask(predictor, grid, 0, 1);
  EXPECT_GT(sim->now_ns(), before_ns + 2 * load_gpu_profile("h100-80gb").launch_latency_ns);
}

// A net on the host holds up nobody but the host: by the rows that were named, as one of its cores reads
// them.
TEST_F(MlpPredicts, TakesTheHostsTimeWhereItRunsOnTheHostOfASim) {
  GpuProfile profile = load_gpu_profile("h100-80gb");
  const auto spent_ns = [&](double bytes_per_s) {
    profile.host_memory_bytes_per_s = bytes_per_s;
    profile.host_flops_per_s = 1e15;
    const auto sim = make_sim_device(profile, {});
    MlpPredictor predictor(model, {1, nullptr, 0, sim.get()});
    predictor.start_lane(LaneId{0});
    show(predictor, LaneId{0}, trace, 0, 0, 0);
    predictor.prepare(LayerId{0}, LayerId{1});
    EXPECT_EQ(sim->now_ns(), 0U) << "not before it is asked";
    (void)ask(predictor, grid, 0, 1);
    return sim->now_ns();
  };
  // Of one token's first layer: its top_k experts, perhaps told by several groups, and the rows of w2.
  const double row_ns = 2.0 * model->shape.hidden * static_cast<double>(profile.host_cores);
  const auto slow_ns = static_cast<double>(spent_ns(1e9));
  EXPECT_GE(slow_ns, (grid.experts + top_k) * row_ns);
  const auto named_max = static_cast<double>(model->shape.groups.size() * model->shape.ids_per_group);
  EXPECT_LT(slow_ns, (grid.experts + named_max / 2) * row_ns) << "most of what a group has room for is none";
  EXPECT_NEAR(static_cast<double>(spent_ns(2e9)), slow_ns / 2, 1);
}

TEST_F(MlpPredicts, CountsItsWeightsAsMemoryOfTheDevice) {
  const auto cpu = make_cpu_device({64ULL << 20, 0});
  const std::uint64_t weights =
      2 * (model->w1.size() + model->w2.size()) + 4 * (model->b1.size() + model->b2.size());
  const MlpPredictor predictor(model, {lanes, cpu.get(), 0});
  EXPECT_GE(predictor.device_bytes(), weights);
  EXPECT_LT(predictor.device_bytes(), weights + (1 << 20));
  EXPECT_EQ(MlpPredictor(model, {lanes, nullptr, 0}).device_bytes(), 0U);
}

TEST_F(MlpPredicts, IsRefusedWhereTheDeviceIsTooSmall) {
  const auto cpu = make_cpu_device({1ULL << 10, 0});
  try {
    const MlpPredictor predictor(model, {lanes, cpu.get(), 0});
    FAIL() << "made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
  }
  EXPECT_NO_THROW((void)cpu->allocate(MemoryKind::device, 1ULL << 10)) << "nothing stayed allocated";
}

// An expert that always comes, of which the training knew nothing: its chance goes up, and the others' down.
TEST_F(MlpPredicts, FollowsWhatItSeesWhereItAdapts) {
  MlpPredictor still(model, {1, nullptr, 0});
  MlpPredictor following(model, {1, nullptr, 0.02F});
  const std::vector<ExpertId> always{ExpertId{25}, ExpertId{24}, ExpertId{23}};
  std::vector<float> of_still;
  std::vector<float> of_following;
  for (Predictor* each : {static_cast<Predictor*>(&still), static_cast<Predictor*>(&following)}) {
    each->start_lane(LaneId{0});
    for (std::uint32_t token = 0; token < 200; ++token) {
      for (std::uint32_t l = 0; l < grid.layers; ++l) {
        each->observe(LaneId{0}, LayerId{l}, always);
        (each == &still ? of_still : of_following) = ask(*each, grid, l, (l + 1) % grid.layers);
      }
    }
  }
  EXPECT_GT(of_following[25], of_still[25]);
  EXPECT_GT(of_following[25], 0.3F);
  EXPECT_LT(of_following[0], of_still[0]);
  EXPECT_EQ(told(nullptr, false, 0.02F), told(nullptr, false, 0.02F));
  EXPECT_NE(told(nullptr, false, 0.02F), told(nullptr, false));
}

TEST_F(MlpPredicts, FitsOneShapeOnly) {
  EXPECT_NO_THROW(check_mlp_fits(*model, grid, top_k));
  EXPECT_THROW(check_mlp_fits(*model, grid, top_k + 1), Error);
  EXPECT_THROW(check_mlp_fits(*model, {grid.layers, grid.experts + 1}, top_k), Error);
}

}  // namespace
}  // namespace prophet::testing
