// The expert feed-forward network in every format of a model: few tokens, many, and what the many-token way
// is made of.
#include <fmt/format.h>

#include <algorithm>

#include "bench/cuda/expert_cases.hpp"
#include "bench/cuda/kernel_plans.hpp"
#include "kernels/cuda/dequantise.hpp"
#include "kernels/cuda/expert_batch.hpp"
#include "kernels/cuda/expert_ffn_blas.hpp"
#include "kernels/cuda/expert_products.hpp"
#include "kernels/cuda/expert_rows.hpp"

namespace prophet::measure {
namespace {

using kernels::ExpertFormat;
using kernels::FloatFormat;
using kernels::cuda::ExpertBatch;

const char* name_of(ExpertFormat format) {
  return kernels::format_info(format).name;
}

const char* name_of(FloatFormat format) {
  if (format == FloatFormat::fp32) return "fp32";
  return format == FloatFormat::bf16 ? "bf16" : "fp16";
}

/// The rows of the experts of a batch lie one behind the other.
ExpertBatch batch_of(CaseMemory& memory, const ExpertCase& what) {
  ExpertBatch batch;
  for (const void* slab : draw_slabs(memory, what)) {
    batch.slabs[batch.count] = static_cast<const std::byte*>(slab);
    batch.first_row[batch.count] = batch.count * what.rows;
    batch.rows[batch.count] = what.rows;
    ++batch.count;
  }
  return batch;
}

Launch prepare_dequantise(CaseMemory& memory, const ExpertCase& what) {
  const kernels::MatrixLayout matrix = what.layout.gate;
  const std::uint64_t values = std::uint64_t{matrix.rows} * matrix.row_step * matrix.columns;
  const std::uint64_t stride = (values + 7) / 8 * 8;
  const ExpertBatch batch = batch_of(memory, what);
  auto* const output = memory.room<std::uint16_t>(stride * what.experts);
  return [=, format = what.layout.shape.format](cudaStream_t stream) {
    return kernels::cuda::dequantise(format, matrix, batch, output, stride, stream);
  };
}

Launch prepare_gather(CaseMemory& memory, std::uint32_t rows, std::uint32_t hidden_size, FloatFormat format) {
  std::vector<std::uint32_t> order(rows);
  for (std::uint32_t i = 0; i < rows; ++i) order[i] = rows - 1 - i;
  const std::uint64_t values = std::uint64_t{rows} * hidden_size;
  const kernels::cuda::HiddenRows hidden{memory.drawn_values<float>(values), FloatFormat::fp32};
  const auto* const list = memory.values(order);
  auto* const gathered = memory.room<std::byte>(values * kernels::format_bytes(format));
  return [=](cudaStream_t stream) {
    return kernels::cuda::gather_rows(hidden, list, rows, hidden_size, format, gathered, stream);
  };
}

Launch prepare_activate(CaseMemory& memory, const ExpertCase& what, FloatFormat format) {
  const ExpertBatch batch = batch_of(memory, what);
  const std::uint64_t values = std::uint64_t{what.experts} * what.rows * what.layout.shape.width;
  auto* const gate = memory.drawn(values * kernels::format_bytes(format));
  const auto* const up = memory.drawn(values * kernels::format_bytes(format));
  return [=](cudaStream_t stream) {
    return kernels::cuda::activate_rows(what.layout, what.activation, batch, format, gate, up, stream);
  };
}

Launch prepare_finish(CaseMemory& memory, const ExpertCase& what, FloatFormat format) {
  const ExpertBatch batch = batch_of(memory, what);
  const std::uint64_t values = std::uint64_t{what.experts} * what.rows * what.layout.shape.hidden_size;
  const auto* const product = memory.drawn(values * kernels::format_bytes(format));
  auto* const output = memory.room<float>(values);
  return [=](cudaStream_t stream) {
    return kernels::cuda::finish_rows(what.layout, batch, format, product, output, stream);
  };
}

/// The product out of the experts; weights as they lie in slabs of 16 bits.
Launch prepare_products(CaseMemory& memory, const ExpertCase& what, FloatFormat format,
                        cuda::BlasHandle& blas) {
  const kernels::ExpertShape& shape = what.layout.shape;
  const std::uint64_t rows = std::uint64_t{what.experts} * what.rows;
  kernels::cuda::ExpertProducts products;
  products.format = format;
  products.outputs = shape.hidden_size;
  products.inputs = shape.width;
  products.weights_stride_bytes =
      kernels::format_bytes(format) * std::uint64_t{shape.hidden_size} * shape.width;
  products.weights = memory.drawn(products.weights_stride_bytes * what.experts);
  products.source = memory.drawn(rows * shape.width * kernels::format_bytes(format));
  products.targets[0] = memory.room<std::byte>(rows * shape.hidden_size * kernels::format_bytes(format));
  ExpertCase no_slabs = what;
  no_slabs.layout.size_bytes = 16;
  const ExpertBatch batch = batch_of(memory, no_slabs);
  auto* const pointers = memory.room<std::byte>(kernels::cuda::product_pointers_bytes);
  return [=, &blas](cudaStream_t stream) {
    return kernels::cuda::multiply_experts(blas.get(), batch, products, pointers, stream);
  };
}

ExpertCase case_of(const KernelShapes& shapes, ExpertFormat format, std::uint32_t experts,
                   std::uint32_t rows) {
  return {expert_layout(shapes, format), shapes.activation, experts, rows};
}

ShapeNumbers shape_of(const ExpertCase& what) {
  return {{"experts", what.experts},
          {"rows", what.rows},
          {"hidden", what.layout.shape.hidden_size},
          {"width", what.layout.shape.width}};
}

/// Few tokens and many in one format, and its way to bf16.
void plan_format(const KernelShapes& shapes, ExpertFormat format, cuda::BlasHandle& blas,
                 std::vector<KernelPlan>& plans) {
  for (const std::uint32_t rows : {1U, kernels::few_token_rows}) {
    const ExpertCase one = case_of(shapes, format, 1, rows);
    plans.push_back({"expert_ffn", name_of(format), shape_of(one), expert_ffn_work(one.layout, 1, rows),
                     [one](CaseMemory& memory) { return prepare_expert(memory, one); }});
  }
  const std::uint32_t top_k = shapes.router.top_k;
  const ExpertCase token = case_of(shapes, format, top_k, 1);
  plans.push_back({"expert_ffn_list", name_of(format), shape_of(token),
                   expert_ffn_work(token.layout, top_k, 1),
                   [token](CaseMemory& memory) { return prepare_expert_list(memory, token); }});
  const ExpertCase many = case_of(shapes, format, top_k, shapes.many_tokens / top_k);
  plans.push_back({"expert_ffn_blas", name_of(format), shape_of(many),
                   expert_ffn_blas_work(many.layout, top_k, many.rows),
                   [many, &blas](CaseMemory& memory) { return prepare_expert_blas(memory, many, blas); }});
  if (kernels::format_info(format).value_bits >= 16) return;
  const kernels::MatrixLayout matrix = many.layout.gate;
  plans.push_back({"dequantise",
                   name_of(format),
                   {{"experts", top_k},
                    {"rows", std::uint64_t{matrix.rows} * matrix.row_step},
                    {"columns", matrix.columns}},
                   dequantise_work(format, matrix, top_k),
                   [many](CaseMemory& memory) { return prepare_dequantise(memory, many); }});
}

/// What stands around the products of the many-token way, in one type.
void plan_rows(const KernelShapes& shapes, FloatFormat format, cuda::BlasHandle& blas,
               std::vector<KernelPlan>& plans) {
  const ExpertFormat stored = format == FloatFormat::fp32 ? ExpertFormat::fp32 : ExpertFormat::bf16;
  const std::uint32_t top_k = shapes.router.top_k;
  const ExpertCase many = case_of(shapes, stored, top_k, shapes.many_tokens / top_k);
  const std::uint32_t rows = many.experts * many.rows;
  const std::uint32_t hidden = shapes.hidden_size;
  const std::uint32_t width = shapes.width;
  const ShapeNumbers over_hidden{{"rows", rows}, {"hidden", hidden}};
  plans.push_back({"gather_rows", fmt::format("fp32 to {}", name_of(format)), over_hidden,
                   gather_rows_work(rows, hidden, FloatFormat::fp32, format),
                   [=](CaseMemory& memory) { return prepare_gather(memory, rows, hidden, format); }});
  plans.push_back({"activate_rows",
                   name_of(format),
                   {{"rows", rows}, {"width", width}},
                   activate_rows_work(rows, width, kernels::is_gated(shapes.activation), format),
                   [=](CaseMemory& memory) { return prepare_activate(memory, many, format); }});
  plans.push_back({"multiply_experts", name_of(format), shape_of(many),
                   multiply_experts_work(format, many.experts, many.rows, width, hidden),
                   [=, &blas](CaseMemory& memory) { return prepare_products(memory, many, format, blas); }});
  plans.push_back({"finish_rows", name_of(format), over_hidden, finish_rows_work(rows, hidden, format),
                   [=](CaseMemory& memory) { return prepare_finish(memory, many, format); }});
}

}  // namespace

void plan_expert_kernels(const KernelShapes& shapes, cuda::BlasHandle& blas, std::vector<KernelPlan>& plans) {
  for (const ExpertFormat format : shapes.formats) plan_format(shapes, format, blas, plans);
  plan_rows(shapes, FloatFormat::bf16, blas, plans);
}

}  // namespace prophet::measure
