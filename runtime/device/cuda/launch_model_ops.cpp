// The operations of a live model by the kernels in kernels/cuda/.
#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda/activate_rows.hpp"
#include "kernels/cuda/embed.hpp"
#include "kernels/cuda/kv_append.hpp"
#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/mix_experts.hpp"
#include "kernels/cuda/paged_attention.hpp"
#include "kernels/cuda/predictor_mlp.hpp"
#include "kernels/cuda/rms_norm.hpp"
#include "kernels/cuda/rotary.hpp"
#include "kernels/cuda/router_topk.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cuda/launch_ops.hpp"
#include "runtime/device/model_work.hpp"

namespace prophet::cuda {
namespace {

/// What attention may take for the splits of its contexts, unless one row alone takes more.
constexpr std::uint64_t attention_workspace_bytes_max = 64ULL << 20;
/// That one launch of the attention kernel takes.
constexpr std::uint64_t attention_rows_max = 65535;
/// That one launch of the linear kernel takes.
constexpr std::uint32_t linear_tokens_max = 8 * 65535;

/// Rows of the block table that go in one launch, and the workspace of each.
struct AttentionRows {
  std::uint32_t at_once = 0;
  std::uint64_t bytes_of_one = 0;
};

/// Bounds the contexts by what the block table can hold: a longer one ends in not-a-numbers in any case. So
/// the workspace depends on the table's shape and not on the contexts, which grow from step to step.
AttentionRows cut_into_launches(AttentionWork& work, std::uint32_t context_tokens_max) {
  const std::uint64_t held = std::uint64_t{work.pages.pages_max} * work.pages.page_tokens;
  kernels::PagedAttention& call = work.call;
  call.context_tokens_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(held, kernels::cuda::attended_tokens_max));
  AttentionRows rows;
  rows.bytes_of_one = kernels::cuda::paged_attention_workspace_bytes(1, call);
  call.context_tokens_max = std::min(call.context_tokens_max, context_tokens_max);
  const std::uint64_t fit = attention_workspace_bytes_max / std::max<std::uint64_t>(1, rows.bytes_of_one);
  rows.at_once = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(work.pages.sequences, std::clamp<std::uint64_t>(fit, 1, attention_rows_max)));
  return rows;
}

/// Rows `first` to `first + count` of the block table.
AttentionWork part_of(const AttentionWork& whole, std::uint32_t first, std::uint32_t count) {
  AttentionWork part = whole;
  const std::size_t values = std::size_t{first} * whole.call.q_heads * whole.call.head_dim;
  part.pages.block_table += std::size_t{first} * whole.pages.pages_max;
  part.pages.sequences = count;
  part.call.q = static_cast<const float*>(whole.call.q) + values;
  part.call.output = static_cast<float*>(whole.call.output) + values;
  part.call.context_tokens += first;
  return part;
}

}  // namespace

void OpLauncher::operator()(StreamState& stream, const EmbedOp& op, std::uint64_t) const {
  const EmbedWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::embed(work.call, stream.get()), "the embedding kernel's launch",
                "embed operation");
}

void OpLauncher::operator()(StreamState& stream, const NormOp& op, std::uint64_t) const {
  const NormWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::rms_norm(work.call, stream.get()), "the norm kernel's launch",
                "norm operation");
}

void OpLauncher::operator()(StreamState& stream, const LinearOp& op, std::uint64_t) const {
  if (op.tokens > linear_tokens_max) {
    throw Error(ErrorCode::usage,
                fmt::format("linear operation: {} tokens, expected at most {} on a cuda device", op.tokens,
                            linear_tokens_max));
  }
  const LinearWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::linear(work.call, stream.get()), "the linear kernel's launch",
                "linear operation");
}

void OpLauncher::operator()(StreamState& stream, const RotaryOp& op, std::uint64_t) const {
  const RotaryWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::rotary(work.call, stream.get()), "the rotary kernel's launch",
                "rotary operation");
}

void OpLauncher::operator()(StreamState& stream, const KvAppendOp& op, std::uint64_t) const {
  const KvAppendWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::kv_append(work.pages, work.rows, stream.get()), "the append kernel's launch",
                "kv_append operation");
}

void OpLauncher::operator()(StreamState& stream, const AttentionOp& op, std::uint64_t) const {
  AttentionWork work = resolve_model_op(memory_.buffers(), op);
  const AttentionRows rows = cut_into_launches(work, op.context_tokens_max);
  const std::uint64_t bytes = std::max<std::uint64_t>(1, rows.at_once * rows.bytes_of_one);
  void* const workspace = stream.scratch.room(bytes);
  stream.clock.begin();
  for (std::uint32_t first = 0; first < op.kv.sequences; first += rows.at_once) {
    const AttentionWork part = part_of(work, first, std::min(rows.at_once, op.kv.sequences - first));
    status_.check(kernels::cuda::paged_attention(part.pages, part.call, workspace, bytes, stream.get()),
                  "the attention kernel's launch", "attention operation");
  }
}

void OpLauncher::operator()(StreamState& stream, const RouteOp& op, std::uint64_t) const {
  const RouteWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::router_topk(work.logits, nullptr, work.tokens, work.rule, work.ids,
                                           work.weights, stream.get()),
                "the router kernel's launch", "route operation");
}

void OpLauncher::operator()(StreamState& stream, const MixOp& op, std::uint64_t) const {
  MixWork work = resolve_model_op(memory_.buffers(), op);
  if (!op.slots.empty()) work.call.slots = {stream.indices.upload(op.slots), op.slots.size()};
  stream.clock.begin();
  status_.check(kernels::cuda::mix_experts(work.call, stream.get()), "the mix kernel's launch",
                "mix operation");
}

void OpLauncher::operator()(StreamState& stream, const ActivateOp& op, std::uint64_t) const {
  const ActivateWork work = resolve_model_op(memory_.buffers(), op);
  stream.clock.begin();
  status_.check(kernels::cuda::activate_rows(work.call, stream.get()), "the activation kernel's launch",
                "activate operation");
}

void OpLauncher::operator()(StreamState& stream, const PredictOp& op, std::uint64_t) const {
  const PredictWork work = resolve_model_op(memory_.buffers(), op);
  const std::uint64_t bytes = kernels::cuda::predictor_workspace_bytes(work.weights, work.input);
  void* const workspace = stream.scratch.room(bytes);
  stream.clock.begin();
  status_.check(
      kernels::cuda::predictor_logits(work.weights, work.input, work.logits, workspace, bytes, stream.get()),
      "the predictor kernels' launch", "predict operation");
}

}  // namespace prophet::cuda
