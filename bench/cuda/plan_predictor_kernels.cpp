// The learned predictor of one layer.
#include <algorithm>

#include "bench/cuda/drawn_routing.hpp"
#include "bench/cuda/kernel_plans.hpp"
#include "kernels/cuda/predictor_mlp.hpp"

namespace prophet::measure {
namespace {

constexpr std::uint32_t recent_layers = 3;
constexpr std::uint32_t hidden_units = 512;

Launch prepare_logits(CaseMemory& memory, const KernelShapes& shapes) {
  const std::uint32_t experts = shapes.router.experts;
  const std::uint32_t top_k = shapes.router.top_k;
  kernels::PredictorWeights weights;
  weights.format = kernels::FloatFormat::bf16;
  weights.experts = experts;
  weights.recent_layers = recent_layers;
  weights.hidden = hidden_units;
  weights.w1 = memory.drawn_values<std::uint16_t>(std::uint64_t{recent_layers + 1} * experts * hidden_units);
  weights.b1 = memory.drawn_values<float>(hidden_units);
  weights.w2 = memory.drawn_values<std::uint16_t>(std::uint64_t{experts} * hidden_units);
  weights.b2 = memory.drawn_values<float>(kernels::predictor_row_values(experts));
  Random random(memory.seed());
  kernels::PredictorInput input;
  input.recent = memory.values(draw_choices(random, recent_layers * shapes.tokens, top_k, experts));
  input.previous = memory.values(draw_choices(random, shapes.tokens, top_k, experts));
  input.lanes = shapes.tokens;
  input.top_k = top_k;
  auto* const logits =
      memory.room<float>(std::uint64_t{shapes.tokens} * kernels::predictor_row_values(experts));
  const std::uint64_t bytes = kernels::cuda::predictor_workspace_bytes(weights, input);
  auto* const workspace = memory.room<std::byte>(bytes);
  return [=](cudaStream_t stream) {
    return kernels::cuda::predictor_logits(weights, input, logits, workspace, bytes, stream);
  };
}

/// Half of the experts have slabs; the list goes to mapped memory, as the host wants it.
Launch prepare_missing(CaseMemory& memory, const KernelShapes& shapes) {
  const std::uint32_t experts = shapes.router.experts;
  std::vector<std::uint32_t> slab_of(experts, kernels::no_slab);
  for (std::uint32_t e = 0; e < experts; e += 2) slab_of[e] = e / 2;
  kernels::cuda::PredictMissing call;
  call.logits =
      memory.drawn_values<float>(std::uint64_t{shapes.tokens} * kernels::predictor_row_values(experts));
  call.lanes = shapes.tokens;
  call.table = {.slab_of = memory.values(slab_of), .experts = experts, .slabs = (experts + 1) / 2};
  call.top_m = std::min(experts, 2 * shapes.router.top_k);
  call.missing = reinterpret_cast<kernels::PredictedExpert*>(
      memory.mapped(call.top_m * sizeof(kernels::PredictedExpert)));
  call.count = reinterpret_cast<std::uint32_t*>(memory.mapped(sizeof(std::uint32_t)));
  return [=](cudaStream_t stream) { return kernels::cuda::predict_missing(call, stream); };
}

}  // namespace

void plan_predictor_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans) {
  const std::uint64_t lanes = shapes.tokens;
  const std::uint64_t experts = shapes.router.experts;
  const std::uint64_t top_k = shapes.router.top_k;
  plans.push_back({"predictor_logits",
                   "",
                   {{"lanes", lanes},
                    {"recent_layers", recent_layers},
                    {"top_k", top_k},
                    {"hidden", hidden_units},
                    {"experts", experts}},
                   predictor_work(lanes, recent_layers, top_k, hidden_units, experts),
                   [=](CaseMemory& memory) { return prepare_logits(memory, shapes); }});
  const std::uint64_t top_m = std::min(experts, 2 * top_k);
  plans.push_back({"predict_missing",
                   "",
                   {{"lanes", lanes}, {"experts", experts}, {"top_m", top_m}},
                   predict_missing_work(lanes, experts, top_m),
                   [=](CaseMemory& memory) { return prepare_missing(memory, shapes); }});
}

}  // namespace prophet::measure
