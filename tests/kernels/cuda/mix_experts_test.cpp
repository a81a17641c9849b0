#include "kernels/cuda/mix_experts.hpp"

#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/formatted.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ExpertMix;
using testing::fresh_seed;
using testing::random_floats;

class CudaMixExperts : public OnDevice {};

TEST_F(CudaMixExperts, IsTheReferenceBitForBitAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 40; ++repetition) {
    auto width = static_cast<std::uint32_t>(1 + random.below(random.chance(0.2) ? 2000 : 300));
    if (random.chance(0.6)) width = (width + 3) / 4 * 4;
    const auto tokens = static_cast<std::uint32_t>(random.below(4));
    const auto top_k = static_cast<std::uint32_t>(random.below(20));
    const std::size_t distance = random.below(3) / 2;
    const bool with_shared = random.chance(0.5);
    const bool with_gate = with_shared && random.chance(0.7);
    SCOPED_TRACE(::testing::Message()
                 << tokens << " tokens, top " << top_k << ", width " << width << ", at " << distance
                 << (with_shared ? ", shared" : "") << (with_gate ? ", gate" : ""));
    const std::uint32_t output_rows = tokens * top_k + 2;
    std::vector<std::uint32_t> slots(std::size_t{tokens} * top_k);
    for (auto& slot : slots) slot = static_cast<std::uint32_t>(random.below(output_rows));
    std::vector<float> hidden = random_floats(random, std::size_t{tokens} * width);
    const std::vector<float> outputs = random_floats(random, std::size_t{output_rows} * width);
    const std::vector<float> weights = random_floats(random, slots.size());
    const std::vector<float> shared = random_floats(random, hidden.size());
    std::vector<float> gates = random_floats(random, tokens);
    for (float& gate : gates) gate *= random.chance(0.2) ? 100.0F : 5.0F;
    const PlacedOnDevice device_hidden(hidden, distance);
    const PlacedOnDevice device_outputs(outputs, distance);
    const DeviceArray<float> device_weights(weights);
    const PlacedOnDevice device_shared(shared, distance);
    const DeviceArray<float> device_gates(gates);
    const DeviceArray<std::uint32_t> device_slots(slots);
    expect_ok(kernels::cuda::mix_experts({.hidden = device_hidden.data(),
                                          .outputs = device_outputs.data(),
                                          .output_rows = output_rows,
                                          .weights = device_weights.data(),
                                          .slots = {device_slots.data(), slots.size()},
                                          .shared = with_shared ? device_shared.data() : nullptr,
                                          .shared_gate = with_gate ? device_gates.data() : nullptr,
                                          .tokens = tokens,
                                          .top_k = top_k,
                                          .hidden_size = width},
                                         nullptr));
    ASSERT_EQ(kernels::mix_experts({.hidden = hidden.data(),
                                    .outputs = outputs.data(),
                                    .output_rows = output_rows,
                                    .weights = weights.data(),
                                    .slots = slots,
                                    .shared = with_shared ? shared.data() : nullptr,
                                    .shared_gate = with_gate ? gates.data() : nullptr,
                                    .tokens = tokens,
                                    .top_k = top_k,
                                    .hidden_size = width}),
              kernels::Status::ok);
    ASSERT_EQ(bits_of(device_hidden.read()), bits_of(hidden));
  }
}

TEST_F(CudaMixExperts, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(64);
  const DeviceArray<std::uint32_t> slots(std::vector<std::uint32_t>{0, 0});
  const ExpertMix sound{.hidden = values.data(),
                        .outputs = values.data() + 16,
                        .output_rows = 1,
                        .weights = values.data() + 32,
                        .slots = {slots.data(), 2},
                        .tokens = 1,
                        .top_k = 2,
                        .hidden_size = 8};
  const auto with = [&](auto change) {
    ExpertMix call = sound;
    change(call);
    return kernels::cuda::mix_experts(call, nullptr);
  };
  EXPECT_EQ(with([](ExpertMix& c) { c.hidden_size = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.hidden_size = 512 * 65535 + 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.top_k = 3; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.hidden = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.outputs = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.weights = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.shared_gate = c.weights; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([&](ExpertMix& c) {
              c.outputs = reinterpret_cast<float*>(reinterpret_cast<std::byte*>(values.data()) + 2);
            }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.tokens = 0x80000000U, c.top_k = 0, c.slots = {}; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([](ExpertMix& c) { c.tokens = 0, c.slots = {}, c.hidden = nullptr; }), cudaSuccess);
}

}  // namespace
}  // namespace prophet::kernels_test
