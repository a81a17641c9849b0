// A decode step as one graph: replayed with changed routing and a changed table, and left at a miss.
#include "runtime/device/cuda/step_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "kernels/combine.hpp"
#include "kernels/dense.hpp"
#include "kernels/expert_ffn.hpp"
#include "runtime/device/cuda/expert_table.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/stream_table.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda {
namespace {

namespace vehicle = cuda_on_cpu;
using testing::random_floats;

constexpr std::uint32_t layers = 3;
constexpr std::uint32_t experts = 5;
constexpr std::uint32_t top_k = 2;
constexpr std::uint32_t tokens = 2;
constexpr std::uint32_t hidden_size = 20;
constexpr std::uint32_t width = 12;
constexpr std::uint32_t dense_rows = 24;
constexpr std::uint32_t slabs = layers * experts + 1;
constexpr std::uint64_t expert_floats = 3ULL * width * hidden_size;

/// Host and device copies of everything that a step reads, and the slabs that experts lie in.
class StepGraphTest : public ::testing::Test {
 protected:
  StepGraphTest()
      : gpu_(open_gpu(0)),
        random_(testing::fresh_seed()),
        stream_(status_, 0),
        dense_(random_floats(random_, layers * dense_rows * hidden_size)),
        experts_(random_floats(random_, layers * experts * expert_floats)),
        choices_(layers * tokens * top_k),
        device_dense_(dense_.size() * sizeof(float), status_, "test"),
        device_slabs_(slabs * expert_floats * sizeof(float), status_, "test"),
        device_hidden_(tokens * hidden_size * sizeof(float), status_, "test"),
        device_choices_(choices_.size() * sizeof(std::uint32_t), status_, "test"),
        device_outputs_(tokens * top_k * hidden_size * sizeof(float), status_, "test"),
        table_(layers * experts, status_) {
    put(device_dense_, 0, std::span<const float>(dense_));
    for (std::uint32_t e = 0; e < layers * experts; ++e) bring(e, slabs - 1 - e);
  }
  void TearDown() override { vehicle::clear_faults(); }

  template <class T>
  void put(const DeviceMemory& to, std::uint64_t at_bytes, std::span<const T> values) {
    status_.check(cudaMemcpyAsync(to.data() + at_bytes, values.data(), values.size_bytes(),
                                  cudaMemcpyHostToDevice, stream_.get()),
                  "cudaMemcpyAsync", "test");
    status_.check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "test");
  }
  /// Copies the expert into the slab and says so in the table.
  void bring(std::uint32_t expert, std::uint32_t slab) {
    put(device_slabs_, slab * expert_floats * sizeof(float),
        std::span<const float>(experts_).subspan(expert * expert_floats, expert_floats));
    table_.set(expert, slab);
  }
  [[nodiscard]] StepGraphPlan model() const {
    StepGraphPlan model;
    model.layers = layers;
    model.experts = experts;
    model.top_k = top_k;
    model.tokens = tokens;
    model.hidden_size = hidden_size;
    model.dense = device_dense_.data();
    model.dense_stride_bytes = dense_rows * hidden_size * sizeof(float);
    model.dense_rows = dense_rows;
    model.slabs = device_slabs_.data();
    model.slab_stride_bytes = expert_floats * sizeof(float);
    model.slab_count = slabs;
    EXPECT_EQ(kernels::packed_fp32_layout(model.slab_stride_bytes, hidden_size, model.layout),
              kernels::Status::ok);
    model.slab_of = table_.entries();
    model.choices = reinterpret_cast<const std::uint32_t*>(device_choices_.data());
    model.hidden = reinterpret_cast<float*>(device_hidden_.data());
    model.outputs = reinterpret_cast<float*>(device_outputs_.data());
    return model;
  }
  /// Distinct in a token, as a router's are.
  void draw_choices() {
    for (std::uint32_t t = 0; t < layers * tokens; ++t) {
      const auto first = static_cast<std::uint32_t>(random_.below(experts));
      choices_[t * top_k] = first;
      choices_[t * top_k + 1] =
          (first + 1 + static_cast<std::uint32_t>(random_.below(experts - 1))) % experts;
    }
  }
  [[nodiscard]] std::vector<float> run(StepGraph& step, const std::vector<float>& hidden) {
    put(device_hidden_, 0, std::span<const float>(hidden));
    put(device_choices_, 0, std::span<const std::uint32_t>(choices_));
    table_.publish(stream_.get());
    step.launch(stream_.get());
    std::vector<float> found(hidden.size());
    status_.check(cudaMemcpyAsync(found.data(), device_hidden_.data(), device_hidden_.size_bytes(),
                                  cudaMemcpyDeviceToHost, stream_.get()),
                  "cudaMemcpyAsync", "test");
    status_.check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "test");
    return found;
  }

  void dense_by_reference(std::uint32_t layer, std::vector<float>& hidden) const {
    std::vector<float> workspace(kernels::dense_workspace_floats(tokens, hidden_size));
    ASSERT_EQ(kernels::dense(hidden.data(), dense_.data() + layer * dense_rows * hidden_size, tokens,
                             dense_rows, hidden_size, workspace.data()),
              kernels::Status::ok);
  }
  void experts_by_reference(std::uint32_t layer, std::vector<float>& hidden) const {
    std::vector<float> outputs(tokens * top_k * hidden_size);
    std::vector<float> workspace(kernels::expert_workspace_floats(1, width, hidden_size));
    std::vector<std::uint32_t> slots(tokens * top_k);
    for (std::uint32_t i = 0; i < tokens * top_k; ++i) {
      slots[i] = i;
      const std::uint32_t expert = layer * experts + choices_[layer * tokens * top_k + i];
      const auto matrices = kernels::expert_matrices(experts_.data() + expert * expert_floats,
                                                     expert_floats * sizeof(float), hidden_size);
      const std::vector<std::uint32_t> row = {i / top_k};
      ASSERT_EQ(kernels::expert_ffn(matrices, hidden.data(), tokens, row, outputs.data() + i * hidden_size,
                                    workspace.data()),
                kernels::Status::ok);
    }
    ASSERT_EQ(
        kernels::combine(hidden.data(), outputs.data(), tokens * top_k, slots, tokens, top_k, hidden_size),
        kernels::Status::ok);
  }
  /// The step up to the experts of `stop`, or to its end.
  [[nodiscard]] std::vector<float> by_reference(std::vector<float> hidden,
                                                std::uint32_t stop = layers) const {
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      dense_by_reference(layer, hidden);
      if (layer == stop) break;
      experts_by_reference(layer, hidden);
    }
    return hidden;
  }
  static void expect_near(const std::vector<float>& found, const std::vector<float>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 2e-5F) << "at " << i;
  }

  Status status_;
  Gpu gpu_;
  Random random_;
  OwnedStream stream_;
  std::vector<float> dense_;
  std::vector<float> experts_;
  std::vector<std::uint32_t> choices_;
  DeviceMemory device_dense_;
  DeviceMemory device_slabs_;
  DeviceMemory device_hidden_;
  DeviceMemory device_choices_;
  DeviceMemory device_outputs_;
  ExpertTable table_;
};

TEST_F(StepGraphTest, AReplayWithChangedRoutingReadsTheRightExperts) {
  StepGraph step(model(), status_);
  for (int replay = 0; replay < 5; ++replay) {
    draw_choices();
    const std::vector<float> hidden = random_floats(random_, tokens * hidden_size);
    const std::vector<float> found = run(step, hidden);
    EXPECT_FALSE(step.missing());
    expect_near(found, by_reference(hidden));
  }
}

TEST_F(StepGraphTest, AReplayFollowsAnExpertThatHasMoved) {
  StepGraph step(model(), status_);
  draw_choices();
  const std::vector<float> hidden = random_floats(random_, tokens * hidden_size);
  static_cast<void>(run(step, hidden));
  const std::uint32_t moved = choices_[0];  // of layer 0, so that its index is its number
  const std::uint32_t old_slab = slabs - 1 - moved;
  bring(moved, 0);
  const std::vector<float> garbage(expert_floats, 1e3F);
  put(device_slabs_, old_slab * expert_floats * sizeof(float), std::span<const float>(garbage));
  expect_near(run(step, hidden), by_reference(hidden));
  EXPECT_FALSE(step.missing());
}

TEST_F(StepGraphTest, AMissStopsTheStepBeforeItsExpertsAndNamesThem) {
  StepGraph step(model(), status_);
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    draw_choices();
    const auto chosen = std::span(choices_).subspan(layer * tokens * top_k, tokens * top_k);
    const std::set<std::uint32_t> gone = {chosen[0], chosen[top_k]};
    for (const std::uint32_t expert : gone) table_.clear(layer * experts + expert);
    const std::vector<float> hidden = random_floats(random_, tokens * hidden_size);
    const std::vector<float> found = run(step, hidden);
    const auto missing = step.missing();
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->layer, layer);
    EXPECT_TRUE(std::equal(missing->experts.begin(), missing->experts.end(), gone.begin(), gone.end()));
    expect_near(found, by_reference(hidden, layer));
    for (const std::uint32_t expert : gone)
      bring(layer * experts + expert, slabs - 1 - layer * experts - expert);
    expect_near(run(step, hidden), by_reference(hidden));
    EXPECT_FALSE(step.missing());
  }
}

TEST_F(StepGraphTest, AChoiceBeyondTheExpertsIsRefused) {
  StepGraph step(model(), status_);
  draw_choices();
  choices_[1] = experts;
  static_cast<void>(run(step, random_floats(random_, tokens * hidden_size)));
  try {
    static_cast<void>(step.missing());
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::check_failed);
  }
}

TEST_F(StepGraphTest, ALayerThatDidNotRunIsNoStepThatRanToItsEnd) {
  const StepGraph step(model(), status_);
  EXPECT_THROW(static_cast<void>(step.missing()), Error);
}

TEST_F(StepGraphTest, ACaptureThatFailsAtAnyCallLeavesNothing) {
  vehicle::forget_calls();
  { const StepGraph step(model(), status_); }
  const auto sites = vehicle::calls();
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const auto& [function, count] : sites) {
    for (const std::uint64_t nth : std::set<std::uint64_t>{1, (count + 1) / 2, count}) {
      SCOPED_TRACE(function + " number " + std::to_string(nth));
      vehicle::fail_call(function, nth, cudaErrorMemoryAllocation);
      try {
        const StepGraph step(model(), status_);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.what();
      }
      vehicle::clear_faults();
      EXPECT_EQ(vehicle::live_objects(), before) << vehicle::to_string(vehicle::live_objects());
    }
  }
  StepGraphPlan none = model();
  none.layers = 0;
  EXPECT_THROW(StepGraph(none, status_), Error);
}

}  // namespace
}  // namespace prophet::cuda
