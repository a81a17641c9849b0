#include "bench/cuda/expert_cases.hpp"

#include "kernels/cuda/expert_ffn_blas.hpp"

namespace prophet::measure {
namespace {

using kernels::cuda::ExpertRows;

constexpr std::uint64_t slab_alignment_bytes = 256;

/// What every way reads and writes beside the slabs: row i of an expert is row i of the hidden states.
struct Activations {
  Activations(CaseMemory& memory, const ExpertCase& what)
      : row_count(what.experts * what.rows),
        hidden{memory.drawn_values<std::uint16_t>(std::uint64_t{what.rows} * what.layout.shape.hidden_size),
               kernels::FloatFormat::bf16},
        rows(memory.values(row_list(what))),
        output(memory.room<float>(std::uint64_t{row_count} * what.layout.shape.hidden_size)) {}

  static std::vector<std::uint32_t> row_list(const ExpertCase& what) {
    std::vector<std::uint32_t> list;
    for (std::uint32_t e = 0; e < what.experts; ++e) {
      for (std::uint32_t row = 0; row < what.rows; ++row) list.push_back(row);
    }
    return list;
  }

  std::uint32_t row_count;
  kernels::cuda::HiddenRows hidden;
  const std::uint32_t* rows;
  float* output;
};

std::byte* few_token_workspace(CaseMemory& memory, const ExpertCase& what, std::uint32_t row_count) {
  return memory.room<std::byte>(kernels::cuda::expert_ffn_workspace_bytes(what.layout, row_count));
}

}  // namespace

std::vector<const void*> draw_slabs(CaseMemory& memory, const ExpertCase& what) {
  const std::uint64_t stride_bytes =
      (what.layout.size_bytes + slab_alignment_bytes - 1) / slab_alignment_bytes * slab_alignment_bytes;
  const std::byte* const first = memory.drawn(stride_bytes * what.experts);
  std::vector<const void*> slabs;
  for (std::uint32_t e = 0; e < what.experts; ++e) slabs.push_back(first + e * stride_bytes);
  return slabs;
}

Launch prepare_expert(CaseMemory& memory, const ExpertCase& what) {
  const kernels::cuda::ExpertSlab expert{draw_slabs(memory, what).front(), what.layout, what.activation};
  const Activations with(memory, what);
  auto* const workspace = few_token_workspace(memory, what, what.rows);
  return [=, rows = what.rows](cudaStream_t stream) {
    return kernels::cuda::expert_ffn(expert, with.hidden, with.rows, rows, with.output, workspace, stream);
  };
}

Launch prepare_expert_list(CaseMemory& memory, const ExpertCase& what) {
  const Activations with(memory, what);
  std::vector<std::uint32_t> first_row;
  for (std::uint32_t e = 0; e <= what.experts; ++e) first_row.push_back(e * what.rows);
  kernels::cuda::ExpertList list;
  list.slabs = memory.values(draw_slabs(memory, what));
  list.first_row = memory.values(first_row);
  list.rows = with.rows;
  list.count = memory.values(std::vector<std::uint32_t>{what.experts});
  list.count_max = what.experts;
  list.rows_of_one_max = what.rows;
  auto* const workspace = few_token_workspace(memory, what, with.row_count);
  return [=](cudaStream_t stream) {
    return kernels::cuda::expert_ffn_list(what.layout, what.activation, list, with.hidden, with.output,
                                          workspace, stream);
  };
}

Launch prepare_expert_blas(CaseMemory& memory, const ExpertCase& what, cuda::BlasHandle& blas) {
  const Activations with(memory, what);
  std::vector<ExpertRows> experts;
  for (const void* slab : draw_slabs(memory, what)) {
    const auto first = static_cast<std::uint32_t>(experts.size()) * what.rows;
    experts.push_back({slab, first, what.rows});
  }
  const std::size_t bytes =
      kernels::cuda::expert_ffn_blas_workspace_bytes(what.layout, with.row_count, what.experts);
  const kernels::cuda::DeviceWorkspace workspace{memory.room<std::byte>(bytes), bytes};
  return [=, &blas](cudaStream_t stream) {
    return kernels::cuda::expert_ffn_blas(blas.get(), what.layout, what.activation, experts, with.hidden,
                                          with.rows, with.row_count, with.output, workspace, stream);
  };
}

}  // namespace prophet::measure
