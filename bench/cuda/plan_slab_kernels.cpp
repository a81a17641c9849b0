// Kernels that stream over slabs and pages.
#include <numeric>

#include "bench/cuda/kernel_plans.hpp"
#include "kernels/cuda/checksum.hpp"
#include "kernels/cuda/page.hpp"

namespace prophet::measure {
namespace {

using kernels::PageGrid;

std::uint64_t* one_sum(CaseMemory& memory) {
  return memory.room<std::uint64_t>(1);
}

std::vector<std::uint32_t> ascending(std::uint32_t count) {
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

Launch prepare_checksum(CaseMemory& memory, std::uint64_t size_bytes) {
  return [bytes = memory.drawn(size_bytes), size_bytes, sum = one_sum(memory)](cudaStream_t stream) {
    return kernels::cuda::checksum(bytes, size_bytes, sum, stream);
  };
}

/// The sum that is expected is a wrong one: the first call reports, as a mismatch would.
Launch prepare_verify(CaseMemory& memory, std::uint64_t size_bytes) {
  auto* const report =
      reinterpret_cast<kernels::cuda::VerifyReport*>(memory.mapped(sizeof(kernels::cuda::VerifyReport)));
  return [bytes = memory.drawn(size_bytes), size_bytes, sum = one_sum(memory), report](cudaStream_t stream) {
    return kernels::cuda::verify(bytes, size_bytes, 0, 0, sum, report, stream);
  };
}

/// As verify, for several slabs at once.
Launch prepare_verify_list(CaseMemory& memory, std::uint64_t size_bytes, std::uint32_t slabs) {
  auto* const report =
      reinterpret_cast<kernels::cuda::VerifyReport*>(memory.mapped(sizeof(kernels::cuda::VerifyReport)));
  const std::uint64_t stride_bytes = (size_bytes + 15) / 16 * 16;
  const std::byte* const first = memory.drawn(stride_bytes * slabs);
  std::vector<const void*> places;
  for (std::uint32_t i = 0; i < slabs; ++i) places.push_back(first + i * stride_bytes);
  const kernels::cuda::SlabList list{memory.values(places), memory.values(ascending(slabs)),
                                     memory.values(std::vector<std::uint32_t>{slabs}), slabs};
  const auto* const expected = memory.values(std::vector<std::uint64_t>(slabs, 0));
  auto* const sums = memory.room<std::uint64_t>(slabs);
  return [=](cudaStream_t stream) {
    return kernels::cuda::verify_list(list, size_bytes, expected, 0, sums, report, stream);
  };
}

Launch prepare_copy(CaseMemory& memory, std::uint64_t size_bytes) {
  return [from = memory.drawn(size_bytes), to = memory.room<std::byte>(size_bytes), size_bytes,
          sum = one_sum(memory)](cudaStream_t stream) {
    return kernels::cuda::copy_with_checksum(to, from, size_bytes, sum, stream);
  };
}

PageGrid grid_of(const KernelShapes& shapes) {
  return {std::uint64_t{shapes.page_bytes} * shapes.pages, shapes.pages, shapes.page_bytes};
}

Launch prepare_fill(CaseMemory& memory, const KernelShapes& shapes) {
  const PageGrid grid = grid_of(shapes);
  return
      [slab = memory.room<std::byte>(grid.slab_bytes), grid, pages = memory.values(ascending(shapes.pages)),
       count = shapes.pages, seed = memory.seed()](cudaStream_t stream) {
        return kernels::cuda::page_fill(slab, grid, pages, pages, count, seed, stream);
      };
}

/// Pages that hold what is expected: all of them are read to their end.
Launch prepare_page_verify(CaseMemory& memory, const KernelShapes& shapes) {
  const PageGrid grid = grid_of(shapes);
  auto* const slab = memory.room<std::byte>(grid.slab_bytes);
  const std::uint32_t* const pages = memory.values(ascending(shapes.pages));
  const std::uint32_t count = shapes.pages;
  const std::uint64_t seed = memory.seed();
  memory.gpu().status().check(
      kernels::cuda::page_fill(slab, grid, pages, pages, count, seed, memory.gpu().stream()), "page_fill",
      "measure kernels");
  return [slab, grid, pages, count, seed, wrong = memory.room<std::uint64_t>(1)](cudaStream_t stream) {
    return kernels::cuda::page_verify(slab, grid, pages, pages, count, seed, wrong, stream);
  };
}

/// The pages of one slab to those of another, the last to the first.
Launch prepare_move(CaseMemory& memory, const KernelShapes& shapes) {
  const PageGrid grid = grid_of(shapes);
  std::vector<kernels::PageMove> moves;
  for (std::uint32_t i = 0; i < shapes.pages; ++i) moves.push_back({i, 2 * shapes.pages - 1 - i});
  return [slabs = memory.drawn(2 * grid.slab_bytes), grid, moves = memory.values(moves),
          count = shapes.pages](cudaStream_t stream) {
    return kernels::cuda::page_move(slabs, grid, moves, count, stream);
  };
}

}  // namespace

void plan_slab_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans) {
  const std::uint64_t bytes = shapes.slab_bytes;
  const ShapeNumbers slab{{"expert_bytes", bytes}};
  plans.push_back({"checksum", "", slab, checksum_work(bytes),
                   [=](CaseMemory& memory) { return prepare_checksum(memory, bytes); }});
  plans.push_back({"verify", "", slab, checksum_work(bytes),
                   [=](CaseMemory& memory) { return prepare_verify(memory, bytes); }});
  const std::uint32_t slabs = shapes.router.top_k;
  const Work one = checksum_work(bytes);
  plans.push_back({"verify_list",
                   "",
                   {{"experts", slabs}, {"expert_bytes", bytes}},
                   {one.bytes * slabs, one.operations * slabs, one.units},
                   [=](CaseMemory& memory) { return prepare_verify_list(memory, bytes, slabs); }});
  plans.push_back({"copy_with_checksum", "", slab, copy_with_checksum_work(bytes),
                   [=](CaseMemory& memory) { return prepare_copy(memory, bytes); }});
  const ShapeNumbers pages{{"pages", shapes.pages}, {"page_bytes", shapes.page_bytes}};
  plans.push_back({"page_fill", "", pages, page_fill_work(shapes.pages, shapes.page_bytes),
                   [=](CaseMemory& memory) { return prepare_fill(memory, shapes); }});
  plans.push_back({"page_verify", "", pages, page_verify_work(shapes.pages, shapes.page_bytes),
                   [=](CaseMemory& memory) { return prepare_page_verify(memory, shapes); }});
  plans.push_back({"page_move", "", pages, page_move_work(shapes.pages, shapes.page_bytes),
                   [=](CaseMemory& memory) { return prepare_move(memory, shapes); }});
}

}  // namespace prophet::measure
