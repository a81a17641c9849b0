// KV pages: append and decode attention, grouped-query and latent.
#include <algorithm>
#include <cmath>

#include "bench/cuda/kernel_plans.hpp"
#include "kernels/cuda/kv_append.hpp"
#include "kernels/cuda/mla_attention.hpp"
#include "kernels/cuda/paged_attention.hpp"
#include "kernels/cuda/paged_partials.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/base/random.hpp"

namespace prophet::measure {
namespace {

using kernels::FloatFormat;
using kernels::KvPages;

constexpr std::uint32_t page_tokens = 64;

/// Every sequence with its whole context in pages of its own, which lie in a drawn order.
KvPages draw_pages(CaseMemory& memory, const KernelShapes& shapes, std::uint64_t token_bytes) {
  const auto pages_max = static_cast<std::uint32_t>(ceil_div(shapes.context_tokens, page_tokens));
  std::vector<std::uint32_t> table(std::size_t{shapes.sequences} * pages_max);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::uint32_t>(i);
  Random random(memory.seed());
  for (std::size_t i = table.size(); i > 1; --i) std::swap(table[i - 1], table[random.below(i)]);
  const std::uint64_t page_bytes = token_bytes * page_tokens;
  KvPages pages;
  pages.base = memory.drawn(page_bytes * table.size());
  pages.grid = {page_bytes, 1, static_cast<std::uint32_t>(page_bytes)};
  pages.pages = static_cast<std::uint32_t>(table.size());
  pages.page_tokens = page_tokens;
  pages.format = FloatFormat::bf16;
  pages.sequences = shapes.sequences;
  pages.pages_max = pages_max;
  pages.block_table = memory.values(table);
  return pages;
}

/// One token a sequence, the last of its context.
struct Tokens {
  const std::uint32_t* positions;
  const std::uint32_t* sequence_of;
};

Tokens last_tokens(CaseMemory& memory, const KernelShapes& shapes) {
  std::vector<std::uint32_t> sequence_of(shapes.sequences);
  for (std::uint32_t s = 0; s < shapes.sequences; ++s) sequence_of[s] = s;
  return {memory.values(std::vector<std::uint32_t>(shapes.sequences, shapes.context_tokens - 1)),
          memory.values(sequence_of)};
}

const std::uint32_t* contexts(CaseMemory& memory, const KernelShapes& shapes) {
  return memory.values(std::vector<std::uint32_t>(shapes.sequences, shapes.context_tokens));
}

Launch prepare_append(CaseMemory& memory, const KernelShapes& shapes) {
  const KvPages pages = draw_pages(memory, shapes, kernels::kv_token_bytes(shapes.kv_heads, shapes.head_dim));
  const std::uint64_t values = std::uint64_t{shapes.sequences} * shapes.kv_heads * shapes.head_dim;
  const Tokens tokens = last_tokens(memory, shapes);
  kernels::KvRows rows;
  rows.k = memory.drawn_values<std::uint16_t>(values);
  rows.v = memory.drawn_values<std::uint16_t>(values);
  rows.format = FloatFormat::bf16;
  rows.tokens = shapes.sequences;
  rows.kv_heads = shapes.kv_heads;
  rows.head_dim = shapes.head_dim;
  rows.positions = tokens.positions;
  rows.sequence_of = tokens.sequence_of;
  return [=](cudaStream_t stream) { return kernels::cuda::kv_append(pages, rows, stream); };
}

Launch prepare_latent_append(CaseMemory& memory, const KernelShapes& shapes) {
  const KvPages pages = draw_pages(memory, shapes, 2 * kernels::mla_row_dim);
  const Tokens tokens = last_tokens(memory, shapes);
  kernels::LatentRows rows;
  rows.rows = memory.drawn_values<std::uint16_t>(std::uint64_t{shapes.sequences} * kernels::mla_row_dim);
  rows.format = FloatFormat::bf16;
  rows.tokens = shapes.sequences;
  rows.row_dim = kernels::mla_row_dim;
  rows.positions = tokens.positions;
  rows.sequence_of = tokens.sequence_of;
  return [=](cudaStream_t stream) { return kernels::cuda::latent_append(pages, rows, stream); };
}

Launch prepare_attention(CaseMemory& memory, const KernelShapes& shapes) {
  const KvPages pages = draw_pages(memory, shapes, kernels::kv_token_bytes(shapes.kv_heads, shapes.head_dim));
  const std::uint64_t values = std::uint64_t{shapes.sequences} * shapes.q_heads * shapes.head_dim;
  kernels::PagedAttention call;
  call.q = memory.drawn_values<std::uint16_t>(values);
  call.q_format = call.output_format = FloatFormat::bf16;
  call.output = memory.room<std::uint16_t>(values);
  call.q_heads = shapes.q_heads;
  call.kv_heads = shapes.kv_heads;
  call.head_dim = shapes.head_dim;
  call.context_tokens = contexts(memory, shapes);
  call.context_tokens_max = shapes.context_tokens;
  call.scale = 1.0F / std::sqrt(static_cast<float>(shapes.head_dim));
  if (shapes.sinks) call.sinks = memory.drawn_values<float>(shapes.q_heads);
  const std::uint64_t bytes = kernels::cuda::paged_attention_workspace_bytes(shapes.sequences, call);
  auto* const workspace = memory.room<std::byte>(bytes);
  return [=](cudaStream_t stream) {
    return kernels::cuda::paged_attention(pages, call, workspace, bytes, stream);
  };
}

Launch prepare_merge(CaseMemory& memory, const KernelShapes& shapes) {
  const std::uint32_t splits = kernels::cuda::splits_of(shapes.context_tokens, 0);
  const std::uint64_t values = std::uint64_t{shapes.sequences} * shapes.q_heads * shapes.head_dim;
  kernels::cuda::MergeCall call;
  call.context_tokens = contexts(memory, shapes);
  call.context_tokens_max = shapes.context_tokens;
  call.output = memory.room<std::uint16_t>(values);
  call.output_format = FloatFormat::bf16;
  call.sequences = shapes.sequences;
  call.heads = shapes.q_heads;
  call.dim = shapes.head_dim;
  const kernels::cuda::Partials partials = kernels::cuda::cut_workspace(
      memory.drawn(kernels::cuda::partials_bytes(shapes.sequences, shapes.q_heads, splits, shapes.head_dim)),
      shapes.sequences, shapes.q_heads, splits, shapes.head_dim);
  return [=](cudaStream_t stream) { return kernels::cuda::merge_partials(partials, call, stream); };
}

Launch prepare_mla(CaseMemory& memory, const KernelShapes& shapes) {
  const KvPages pages = draw_pages(memory, shapes, 2 * kernels::mla_row_dim);
  const std::uint64_t rows = std::uint64_t{shapes.sequences} * shapes.mla_heads;
  kernels::MlaAttention call;
  call.q_latent = memory.drawn_values<std::uint16_t>(rows * kernels::mla_latent_dim);
  call.q_rope = memory.drawn_values<std::uint16_t>(rows * kernels::mla_rope_dim);
  call.q_format = call.output_format = FloatFormat::bf16;
  call.output = memory.room<std::uint16_t>(rows * kernels::mla_latent_dim);
  call.heads = shapes.mla_heads;
  call.context_tokens = contexts(memory, shapes);
  call.context_tokens_max = shapes.context_tokens;
  call.scale = 1.0F / std::sqrt(static_cast<float>(kernels::mla_row_dim));
  const std::uint64_t bytes = kernels::cuda::mla_attention_workspace_bytes(shapes.sequences, call);
  auto* const workspace = memory.room<std::byte>(bytes);
  return [=](cudaStream_t stream) {
    return kernels::cuda::mla_attention(pages, call, workspace, bytes, stream);
  };
}

void plan_grouped_query(const KernelShapes& shapes, std::vector<KernelPlan>& plans) {
  const std::uint32_t sequences = shapes.sequences;
  const std::uint32_t context = shapes.context_tokens;
  plans.push_back({"kv_append",
                   "bf16",
                   {{"tokens", sequences}, {"kv_heads", shapes.kv_heads}, {"head_dim", shapes.head_dim}},
                   kv_append_work(sequences, shapes.kv_heads, shapes.head_dim),
                   [shapes](CaseMemory& memory) { return prepare_append(memory, shapes); }});
  plans.push_back({"paged_attention",
                   "bf16",
                   {{"sequences", sequences},
                    {"context", context},
                    {"kv_heads", shapes.kv_heads},
                    {"q_heads", shapes.q_heads},
                    {"head_dim", shapes.head_dim}},
                   paged_attention_work(sequences, context, shapes.kv_heads, shapes.q_heads, shapes.head_dim),
                   [shapes](CaseMemory& memory) { return prepare_attention(memory, shapes); }});
  const std::uint32_t splits = kernels::cuda::splits_of(context, 0);
  plans.push_back({"merge_partials",
                   "",
                   {{"sequences", sequences},
                    {"q_heads", shapes.q_heads},
                    {"head_dim", shapes.head_dim},
                    {"splits", splits}},
                   merge_partials_work(sequences, shapes.q_heads, shapes.head_dim, splits),
                   [shapes](CaseMemory& memory) { return prepare_merge(memory, shapes); }});
}

}  // namespace

void plan_attention_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans) {
  if (shapes.q_heads != 0) plan_grouped_query(shapes, plans);
  if (shapes.mla_heads == 0) return;
  plans.push_back({"latent_append",
                   "bf16",
                   {{"tokens", shapes.sequences}, {"row_dim", kernels::mla_row_dim}},
                   latent_append_work(shapes.sequences, kernels::mla_row_dim),
                   [shapes](CaseMemory& memory) { return prepare_latent_append(memory, shapes); }});
  plans.push_back(
      {"mla_attention",
       "bf16",
       {{"sequences", shapes.sequences}, {"context", shapes.context_tokens}, {"heads", shapes.mla_heads}},
       mla_attention_work(shapes.sequences, shapes.context_tokens, shapes.mla_heads),
       [shapes](CaseMemory& memory) { return prepare_mla(memory, shapes); }});
}

}  // namespace prophet::measure
