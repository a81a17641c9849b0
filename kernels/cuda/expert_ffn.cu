#include "kernels/cuda/expert_ffn.hpp"

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/expert_pass.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr std::uint32_t grid_height_max = 65535;

/// True when every row of a matrix begins on 16 bytes from the slab's beginning: in all layouts but some
/// packed ones.
bool has_wide_rows(const SlabLayout& layout, const MatrixLayout& matrix) {
  return matrix.columns % format_info(layout.shape.format).column_multiple() == 0 &&
         matrix.values_offset_bytes % 16 == 0;
}

bool has_wide_rows(const SlabLayout& layout) {
  return has_wide_rows(layout, layout.gate) && has_wide_rows(layout, layout.down) &&
         (!layout.shape.gated || has_wide_rows(layout, layout.up));
}

template <class Code, unsigned TokensMax>
cudaError_t launch_tokens(const PassArguments& pass, std::uint32_t experts, cudaStream_t stream) {
  const unsigned block_rows = pass_warps * (pass.paired ? rows_of_warp / 2 : rows_of_warp);
  const LaunchShape shape{.grid = dim3((pass.first.rows + block_rows - 1) / block_rows, experts),
                          .block = dim3(pass_threads),
                          .shared_bytes = staged_bytes<TokensMax>,
                          .stream = stream};
  return launch(expert_pass_kernel<Code, TokensMax>, shape, pass);
}

struct PassLaunch {
  std::uint32_t experts;
  bool one_token;
  bool wide_slabs;  ///< every slab begins on 16 bytes
  cudaStream_t stream;
};

template <class Code>
cudaError_t launch_code(const PassArguments& pass, const PassLaunch& with) {
  return with.one_token ? launch_tokens<Code, 1>(pass, with.experts, with.stream)
                        : launch_tokens<Code, few_token_rows>(pass, with.experts, with.stream);
}

cudaError_t launch_pass(const SlabLayout& layout, const PassArguments& pass, const PassLaunch& with) {
  const bool wide = with.wide_slabs && has_wide_rows(layout, pass.first) &&
                    (!pass.paired || has_wide_rows(layout, pass.second));
  if (!wide) return launch_code<LooseFp32Code>(pass, with);
  return with_code(layout.shape.format, cudaErrorInvalidValue,
                   [&](auto code) { return launch_code<decltype(code)>(pass, with); });
}

/// The part of the arguments that one projection out of `source` decides.
void set_projection(const SlabLayout& layout, const MatrixLayout& matrix, PassArguments& pass) {
  pass.first = matrix;
  pass.row_bytes = value_row_bytes(layout.shape.format, matrix.columns);
  pass.scales_in_row = static_cast<std::uint32_t>(scales_in_row(layout.shape.format, matrix.columns));
  const std::uintptr_t quad_bytes = pass.source_format == FloatFormat::fp32 ? 16 : 8;
  pass.quads_aligned = matrix.columns % 4 == 0 && is_on(pass.source, quad_bytes);
}

FloatFormat bias_format(ExpertFormat format) {
  if (format == ExpertFormat::fp32) return FloatFormat::fp32;
  return format == ExpertFormat::fp16 ? FloatFormat::fp16 : FloatFormat::bf16;
}

/// `pass` says which experts and which rows; hidden to inner, then inner to output.
cudaError_t launch_both(const SlabLayout& layout, ExpertActivation activation, PassArguments pass,
                        const HiddenRows& hidden, float* output, float* inner, const PassLaunch& with) {
  pass.has_bias = layout.shape.has_bias;
  pass.bias_format = bias_format(layout.shape.format);
  pass.activation = activation;
  pass.activated = true;
  pass.paired = layout.shape.gated;
  pass.second = layout.up;
  pass.source = hidden.data;
  pass.source_format = hidden.format;
  pass.target = inner;
  set_projection(layout, layout.gate, pass);
  if (const cudaError_t status = launch_pass(layout, pass, with); status != cudaSuccess) return status;
  pass.activated = false;
  pass.paired = false;
  pass.rows = nullptr;
  pass.source = inner;
  pass.source_format = FloatFormat::fp32;
  pass.target = output;
  set_projection(layout, layout.down, pass);
  return launch_pass(layout, pass, with);
}

bool is_computable(const SlabLayout& layout, ExpertActivation activation) {
  return layout.size_bytes != 0 && static_cast<int>(layout.shape.format) < expert_format_count &&
         static_cast<int>(activation) < expert_activation_count &&
         layout.shape.gated == is_gated(activation) &&
         (has_wide_rows(layout) || layout.shape.format == ExpertFormat::fp32);
}

}  // namespace

std::size_t expert_ffn_workspace_bytes(const SlabLayout& layout, std::size_t rows) noexcept {
  return rows * layout.shape.width * sizeof(float);
}

cudaError_t expert_ffn(const ExpertSlab& expert, const HiddenRows& hidden, const std::uint32_t* rows,
                       std::uint32_t row_count, float* output, void* workspace,
                       cudaStream_t stream) noexcept {
  if (!is_computable(expert.layout, expert.activation) || !is_known(hidden.format))
    return cudaErrorInvalidValue;
  if (row_count == 0) return cudaSuccess;
  const std::uintptr_t boundary = expert.layout.shape.format == ExpertFormat::fp32 ? sizeof(float) : 16;
  if (expert.data == nullptr || hidden.data == nullptr || rows == nullptr || output == nullptr ||
      workspace == nullptr || !is_on(workspace, 16) || !is_on(expert.data, boundary)) {
    return cudaErrorInvalidValue;
  }
  PassArguments pass{};
  pass.one_slab = static_cast<const std::byte*>(expert.data);
  pass.one_rows = row_count;
  pass.rows = rows;
  const PassLaunch with{1, row_count == 1, is_on(expert.data, 16), stream};
  return launch_both(expert.layout, expert.activation, pass, hidden, output, static_cast<float*>(workspace),
                     with);
}

cudaError_t expert_ffn_list(const SlabLayout& layout, ExpertActivation activation, const ExpertList& experts,
                            const HiddenRows& hidden, float* output, void* workspace,
                            cudaStream_t stream) noexcept {
  if (!is_computable(layout, activation) || !is_known(hidden.format) || experts.count_max > grid_height_max)
    return cudaErrorInvalidValue;
  if (!experts.slabs_on_16_bytes && layout.shape.format != ExpertFormat::fp32) return cudaErrorInvalidValue;
  if (experts.count_max == 0 || experts.rows_of_one_max == 0) return cudaSuccess;
  if (experts.slabs == nullptr || experts.first_row == nullptr || experts.rows == nullptr ||
      experts.count == nullptr || hidden.data == nullptr || output == nullptr || workspace == nullptr ||
      !is_on(workspace, 16)) {
    return cudaErrorInvalidValue;
  }
  PassArguments pass{};
  pass.slabs = experts.slabs;
  pass.first_row = experts.first_row;
  pass.count = experts.count;
  pass.rows = experts.rows;
  const PassLaunch with{experts.count_max, experts.rows_of_one_max == 1, experts.slabs_on_16_bytes, stream};
  return launch_both(layout, activation, pass, hidden, output, static_cast<float*>(workspace), with);
}

}  // namespace prophet::kernels::cuda
