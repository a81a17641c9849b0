// The references that the cpu device runs on: experts in every format of slabs, projections and attention.
// items_per_second is operations, a multiply-add counting as two.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "bench/micro/bench_main.hpp"
#include "kernels/expert_ffn_formats.hpp"
#include "kernels/expert_quantise.hpp"
#include "kernels/linear.hpp"
#include "kernels/paged_attention.hpp"
#include "runtime/base/random.hpp"

namespace prophet::micro {
namespace {

using kernels::ExpertFormat;
using kernels::FloatFormat;

std::vector<float> random_floats(std::size_t count) {
  Random random(1);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
  return values;
}

void expert(benchmark::State& state, ExpertFormat format, std::uint32_t hidden_size, std::uint32_t width) {
  const auto rows = static_cast<std::uint32_t>(state.range(0));
  kernels::SlabLayout layout;
  if (kernels::slab_layout({.format = format, .hidden_size = hidden_size, .width = width}, layout) !=
      kernels::Status::ok) {
    return state.SkipWithError("no layout");
  }
  const std::size_t matrix = std::size_t{hidden_size} * width;
  const std::vector<float> values = random_floats(matrix);
  std::vector<std::byte> slab(layout.size_bytes);
  kernels::encode_expert(layout, {values.data(), values.data(), values.data(), nullptr, nullptr, nullptr},
                         slab.data());
  const std::vector<float> hidden = random_floats(std::size_t{rows} * hidden_size);
  std::vector<std::uint32_t> chosen(rows);
  std::iota(chosen.begin(), chosen.end(), 0U);
  std::vector<float> output(hidden.size());
  std::vector<float> inner(std::size_t{rows} * width);
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels::expert_ffn_formats(layout, kernels::ExpertActivation::swiglu,
                                                         slab.data(), hidden.data(), rows, chosen,
                                                         output.data(), inner.data()));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(6 * matrix * rows));
}

void projection(benchmark::State& state, FloatFormat format, std::uint32_t rows, std::uint32_t columns) {
  const auto tokens = static_cast<std::uint32_t>(state.range(0));
  const std::vector<float> values = random_floats(std::size_t{rows} * columns);
  std::vector<std::byte> weights(values.size() * kernels::format_bytes(format));
  for (std::size_t i = 0; i < values.size(); ++i) kernels::store_as(weights.data(), i, format, values[i]);
  const std::vector<float> input = random_floats(std::size_t{tokens} * columns);
  std::vector<float> output(std::size_t{tokens} * rows);
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels::linear({.weights = {weights.data(), format, rows, columns},
                                              .input = input.data(),
                                              .output = output.data(),
                                              .tokens = tokens}));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(2 * values.size() * tokens));
}

/// A prompt: its tokens are rows whose block tables are equal. Two heads of 64, as fp32 and as bf16.
void prompt(benchmark::State& state, FloatFormat format) {
  constexpr std::uint32_t page_tokens = 16;
  constexpr std::uint32_t heads = 2;
  constexpr std::uint32_t head_dim = 64;
  const auto tokens = static_cast<std::uint32_t>(state.range(0));
  const std::uint32_t pages = (tokens + page_tokens - 1) / page_tokens;
  const auto page_bytes =
      static_cast<std::uint32_t>(page_tokens * heads * head_dim * 2 * kernels::format_bytes(format));
  std::vector<std::byte> memory(std::size_t{pages} * page_bytes);
  const std::vector<float> values = random_floats(memory.size() / kernels::format_bytes(format));
  for (std::size_t i = 0; i < values.size(); ++i) kernels::store_as(memory.data(), i, format, values[i]);
  std::vector<std::uint32_t> table(std::size_t{tokens} * pages);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::uint32_t>(i % pages);
  std::vector<std::uint32_t> contexts(tokens);
  std::iota(contexts.begin(), contexts.end(), 1U);
  const std::vector<float> q = random_floats(std::size_t{tokens} * heads * head_dim);
  std::vector<float> output(q.size());
  const kernels::KvPages view{
      .base = memory.data(),
      .grid = {.slab_bytes = page_bytes, .pages_per_slab = 1, .page_bytes = page_bytes},
      .pages = pages,
      .page_tokens = page_tokens,
      .format = format,
      .sequences = tokens,
      .pages_max = pages,
      .block_table = table.data()};
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels::paged_attention(view, {.q = q.data(),
                                                             .output = output.data(),
                                                             .q_heads = heads,
                                                             .kv_heads = heads,
                                                             .head_dim = head_dim,
                                                             .context_tokens = contexts.data(),
                                                             .context_tokens_max = tokens,
                                                             .scale = 0.125F}));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(std::size_t{tokens} * (tokens + 1) *
                                                                         heads * head_dim * 2));
}

void register_experts() {
  for (const ExpertFormat format : {ExpertFormat::fp32, ExpertFormat::bf16, ExpertFormat::int8,
                                    ExpertFormat::int4_32, ExpertFormat::mxfp4}) {
    for (const auto& [hidden_size, width] : {std::pair{128U, 32U}, std::pair{2048U, 1024U}}) {
      const std::string name = std::string("expert/") + kernels::format_info(format).name + "/" +
                               std::to_string(hidden_size) + "x" + std::to_string(width);
      benchmark::RegisterBenchmark(name.c_str(), expert, format, hidden_size, width)->Arg(1)->Arg(64);
    }
  }
}

}  // namespace

void register_benchmarks() {
  register_experts();
  benchmark::RegisterBenchmark("linear/fp32/512x512", projection, FloatFormat::fp32, 512U, 512U)
      ->Arg(1)
      ->Arg(64);
  benchmark::RegisterBenchmark("linear/bf16/512x512", projection, FloatFormat::bf16, 512U, 512U)
      ->Arg(1)
      ->Arg(64);
  for (const auto& [name, format] :
       {std::pair{"prompt/fp32/2x64", FloatFormat::fp32}, std::pair{"prompt/bf16/2x64", FloatFormat::bf16}}) {
    benchmark::RegisterBenchmark(name, prompt, format)->Arg(1024)->Unit(benchmark::kMillisecond);
  }
}

}  // namespace prophet::micro
