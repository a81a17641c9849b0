#include "bench/measure/kernel_shapes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "prophet/error.hpp"

namespace prophet::measure {
namespace {

using kernels::ExpertActivation;
using kernels::ExpertFormat;
using kernels::RouterScore;

/// openai/gpt-oss-20b, config.json; every format, because experts of this shape have a slab in each.
KernelShapes gpt_oss_20b() {
  KernelShapes shapes;
  shapes.name = "gpt-oss-20b";
  shapes.hidden_size = shapes.width = 2880;
  shapes.router = {.experts = 32, .top_k = 4, .score = RouterScore::softmax_of_chosen};
  shapes.router_bias = false;  // gpt-oss adds its bias to the logits, in the router's product
  shapes.activation = ExpertActivation::swiglu_clamped;
  shapes.expert_bias = shapes.interleaved = true;
  shapes.formats = {ExpertFormat::mxfp4, ExpertFormat::bf16,     ExpertFormat::fp32,
                    ExpertFormat::fp16,  ExpertFormat::fp8_rows, ExpertFormat::fp8_blocks,
                    ExpertFormat::int8,  ExpertFormat::int4_32,  ExpertFormat::int4_128};
  shapes.q_heads = 64;
  shapes.kv_heads = 8;
  shapes.head_dim = 64;
  shapes.sinks = true;
  return shapes;
}

/// Qwen/Qwen3-30B-A3B, config.json.
KernelShapes qwen3_30b_a3b() {
  KernelShapes shapes;
  shapes.name = "qwen3-30b-a3b";
  shapes.hidden_size = 2048;
  shapes.width = 768;
  shapes.router = {.experts = 128, .top_k = 8, .score = RouterScore::softmax, .normalised = true};
  shapes.formats = {ExpertFormat::bf16, ExpertFormat::fp8_blocks, ExpertFormat::int4_128};
  shapes.q_heads = 32;
  shapes.kv_heads = 4;
  shapes.head_dim = 128;
  return shapes;
}

/// deepseek-ai/DeepSeek-V3, config.json.
KernelShapes deepseek_v3() {
  KernelShapes shapes;
  shapes.name = "deepseek-v3";
  shapes.hidden_size = 7168;
  shapes.width = 2048;
  shapes.router = {.experts = 256,
                   .top_k = 8,
                   .score = RouterScore::sigmoid,
                   .normalised = true,
                   .scale = 2.5F,
                   .groups = 8,
                   .groups_kept = 4};
  shapes.router_bias = true;
  shapes.formats = {ExpertFormat::fp8_blocks, ExpertFormat::bf16, ExpertFormat::int4_128};
  shapes.mla_heads = 128;
  return shapes;
}

/// No model: small enough to be executed on the CPU.
KernelShapes tiny() {
  KernelShapes shapes;
  shapes.name = "tiny";
  shapes.hidden_size = 128;
  shapes.width = 64;
  shapes.router = {.experts = 16, .top_k = 2, .score = RouterScore::softmax, .normalised = true};
  shapes.formats = {ExpertFormat::mxfp4, ExpertFormat::bf16};
  shapes.q_heads = 4;
  shapes.kv_heads = 2;
  shapes.head_dim = 64;
  shapes.mla_heads = 8;
  shapes.tokens = 2;
  shapes.many_tokens = 16;
  shapes.sequences = 2;
  shapes.context_tokens = 512;
  shapes.dense_rows = 32;
  shapes.pages = 2;
  shapes.page_bytes = 16 << 10;
  return shapes;
}

std::vector<KernelShapes> all_shapes() {
  return {gpt_oss_20b(), qwen3_30b_a3b(), deepseek_v3(), tiny()};
}

}  // namespace

std::vector<std::string> kernel_shape_names() {
  std::vector<std::string> names;
  for (const KernelShapes& shapes : all_shapes()) names.push_back(shapes.name);
  return names;
}

KernelShapes kernel_shapes(std::string_view name) {
  for (KernelShapes& shapes : all_shapes()) {
    if (shapes.name != name) continue;
    shapes.slab_bytes = expert_layout(shapes, shapes.formats.front()).size_bytes;
    return shapes;
  }
  throw Error(ErrorCode::usage,
              fmt::format("--model {}: expected one of {}", name, fmt::join(kernel_shape_names(), ", ")));
}

kernels::SlabLayout expert_layout(const KernelShapes& shapes, kernels::ExpertFormat format) {
  kernels::SlabLayout layout;
  const kernels::Status status = slab_layout({.format = format,
                                              .hidden_size = shapes.hidden_size,
                                              .width = shapes.width,
                                              .gated = kernels::is_gated(shapes.activation),
                                              .has_bias = shapes.expert_bias,
                                              .interleaved = shapes.interleaved},
                                             layout);
  if (status != kernels::Status::ok) {
    throw Error(ErrorCode::check_failed, fmt::format("{}: its experts have no layout in {}", shapes.name,
                                                     kernels::format_info(format).name));
  }
  return layout;
}

}  // namespace prophet::measure
