// What a live model computes beside its experts: embedding, norms, projections, rotary embedding, the mix of
// the experts' outputs and the activation of shared experts.
#include <algorithm>

#include "bench/cuda/kernel_plans.hpp"
#include "kernels/cuda/activate_rows.hpp"
#include "kernels/cuda/embed.hpp"
#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/mix_experts.hpp"
#include "kernels/cuda/rms_norm.hpp"
#include "kernels/cuda/rotary.hpp"

namespace prophet::measure {
namespace {

using kernels::FloatFormat;

constexpr FloatFormat stored = FloatFormat::bf16;  ///< weights, as checkpoints have them
constexpr float epsilon = 1e-5F;

/// `count` numbers 0, step, 2 step, ... below `end`, over and over.
const std::uint32_t* stepping(CaseMemory& memory, std::uint64_t count, std::uint32_t step,
                              std::uint32_t end) {
  std::vector<std::uint32_t> values(count);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint32_t>(i * step % end);
  return memory.values(values);
}

kernels::Weights drawn_weights(CaseMemory& memory, std::uint32_t rows, std::uint32_t columns) {
  return {memory.drawn_values<std::uint16_t>(std::uint64_t{rows} * columns), stored, rows, columns};
}

/// Rows that lie far apart.
Launch prepare_embed(CaseMemory& memory, const KernelShapes& shapes) {
  constexpr std::uint32_t step = 61;
  const auto rows = static_cast<std::uint32_t>(shapes.dense_rows);
  kernels::Embedding call;
  call.table = drawn_weights(memory, rows, shapes.hidden_size);
  call.ids = stepping(memory, shapes.tokens, step, rows);
  call.output = memory.room<float>(std::uint64_t{shapes.tokens} * shapes.hidden_size);
  call.tokens = shapes.tokens;
  return [=](cudaStream_t stream) { return kernels::cuda::embed(call, stream); };
}

Launch prepare_norm(CaseMemory& memory, std::uint32_t rows, std::uint32_t columns) {
  kernels::RmsNorm call;
  call.input = memory.drawn_values<float>(std::uint64_t{rows} * columns);
  call.output = memory.room<float>(std::uint64_t{rows} * columns);
  call.weight = memory.drawn_values<std::uint16_t>(columns);
  call.format = stored;
  call.rows = rows;
  call.columns = columns;
  call.epsilon = epsilon;
  return [=](cudaStream_t stream) { return kernels::cuda::rms_norm(call, stream); };
}

Launch prepare_linear(CaseMemory& memory, std::uint32_t tokens, std::uint32_t rows, std::uint32_t columns) {
  kernels::Linear call;
  call.weights = drawn_weights(memory, rows, columns);
  call.input = memory.drawn_values<float>(std::uint64_t{tokens} * columns);
  call.output = memory.room<float>(std::uint64_t{tokens} * rows);
  call.tokens = tokens;
  return [=](cudaStream_t stream) { return kernels::cuda::linear(call, stream); };
}

Launch prepare_rotary(CaseMemory& memory, const KernelShapes& shapes) {
  kernels::Rotary call;
  call.values = memory.drawn_values<float>(std::uint64_t{shapes.tokens} * shapes.q_heads * shapes.head_dim);
  call.table = memory.drawn_values<float>(std::uint64_t{shapes.context_tokens} * shapes.head_dim);
  call.positions = stepping(memory, shapes.tokens, shapes.context_tokens / 2 + 1, shapes.context_tokens);
  call.positions_max = shapes.context_tokens;
  call.tokens = shapes.tokens;
  call.heads = shapes.q_heads;
  call.head_dim = shapes.head_dim;
  return [=](cudaStream_t stream) { return kernels::cuda::rotary(call, stream); };
}

Launch prepare_mix(CaseMemory& memory, const KernelShapes& shapes) {
  const std::uint64_t choices = std::uint64_t{shapes.tokens} * shapes.router.top_k;
  kernels::ExpertMix call;
  call.hidden = memory.drawn_values<float>(std::uint64_t{shapes.tokens} * shapes.hidden_size);
  call.outputs = memory.drawn_values<float>(choices * shapes.hidden_size);
  call.output_rows = choices;
  call.weights = memory.drawn_values<float>(choices);
  call.slots = {stepping(memory, choices, 1, static_cast<std::uint32_t>(choices)), choices};
  call.tokens = shapes.tokens;
  call.top_k = shapes.router.top_k;
  call.hidden_size = shapes.hidden_size;
  return [=](cudaStream_t stream) { return kernels::cuda::mix_experts(call, stream); };
}

Launch prepare_activation(CaseMemory& memory, const KernelShapes& shapes) {
  kernels::ActivatedRows call;
  call.values = std::uint64_t{shapes.tokens} * shapes.width;
  call.gate = memory.drawn_values<float>(call.values);
  call.up = memory.drawn_values<float>(call.values);
  return [=](cudaStream_t stream) { return kernels::cuda::activate_rows(call, stream); };
}

void plan_norm(std::vector<KernelPlan>& plans, const char* detail, std::uint32_t rows,
               std::uint32_t columns) {
  plans.push_back({"rms_norm",
                   detail,
                   {{"rows", rows}, {"columns", columns}},
                   rms_norm_work(rows, columns, stored),
                   [=](CaseMemory& memory) { return prepare_norm(memory, rows, columns); }});
}

void plan_linear(std::vector<KernelPlan>& plans, const char* detail, std::uint32_t tokens, std::uint32_t rows,
                 std::uint32_t columns) {
  plans.push_back({"linear",
                   detail,
                   {{"tokens", tokens}, {"rows", rows}, {"columns", columns}},
                   linear_work(tokens, rows, columns, stored),
                   [=](CaseMemory& memory) { return prepare_linear(memory, tokens, rows, columns); }});
}

}  // namespace

void plan_model_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans) {
  const std::uint32_t tokens = shapes.tokens;
  const std::uint32_t hidden = shapes.hidden_size;
  plans.push_back({"embed",
                   "bf16",
                   {{"tokens", tokens}, {"columns", hidden}},
                   embed_work(tokens, hidden, stored),
                   [=](CaseMemory& memory) { return prepare_embed(memory, shapes); }});
  plan_norm(plans, "hidden states", tokens, hidden);
  plan_linear(plans, "one token", 1, hidden, hidden);
  plan_linear(plans, "few tokens", std::min(tokens, 8U), hidden, hidden);
  plan_linear(plans, "a prompt", shapes.many_tokens, hidden, hidden);
  plan_linear(plans, "router", 1, shapes.router.experts, hidden);
  if (shapes.q_heads != 0) {
    plan_norm(plans, "heads", tokens * shapes.q_heads, shapes.head_dim);
    plans.push_back({"rotary",
                     "",
                     {{"tokens", tokens}, {"heads", shapes.q_heads}, {"head_dim", shapes.head_dim}},
                     rotary_work(tokens, shapes.q_heads, shapes.head_dim),
                     [=](CaseMemory& memory) { return prepare_rotary(memory, shapes); }});
  }
  plans.push_back({"mix_experts",
                   "",
                   {{"tokens", tokens}, {"top_k", shapes.router.top_k}, {"hidden", hidden}},
                   mix_experts_work(tokens, shapes.router.top_k, hidden),
                   [=](CaseMemory& memory) { return prepare_mix(memory, shapes); }});
  plans.push_back({"activate_rows",
                   "gate and up of a shared expert",
                   {{"values", std::uint64_t{tokens} * shapes.width}},
                   activation_work(std::uint64_t{tokens} * shapes.width),
                   [=](CaseMemory& memory) { return prepare_activation(memory, shapes); }});
}

}  // namespace prophet::measure
