#include "runtime/device/cuda/expert_table.hpp"

#include "kernels/resolve.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "table of experts and slabs";

}  // namespace

ExpertTable::ExpertTable(std::uint32_t experts, std::uint32_t slabs, Status& status)
    : status_(status),
      slabs_(slabs),
      entries_(sizeof(std::uint32_t) * std::uint64_t{experts}, status, where),
      values_(sizeof(std::uint32_t) * (std::uint64_t{slabs} + 1), status, where) {
  auto* const values = reinterpret_cast<std::uint32_t*>(values_.data());
  for (std::uint32_t slab = 0; slab < slabs; ++slab) values[slab] = slab;
  values[slabs] = kernels::no_slab;
  static_assert(kernels::no_slab == 0xFFFFFFFFU, "every byte of it is the same");
  status.check(cudaMemset(entries_.data(), 0xFF, entries_.size_bytes()), "cudaMemset", where);
  status.check(cudaDeviceSynchronize(), "cudaDeviceSynchronize", where);
}

void ExpertTable::place(std::uint32_t expert, std::uint32_t slab, cudaStream_t stream) {
  set(expert, slab, stream);
}

void ExpertTable::remove(std::uint32_t expert, cudaStream_t stream) {
  set(expert, slabs_, stream);
}

void ExpertTable::set(std::uint32_t expert, std::uint32_t value_at, cudaStream_t stream) {
  const auto* const value = reinterpret_cast<const std::uint32_t*>(values_.data()) + value_at;
  status_.check(cudaMemcpyAsync(entries_at(expert), value, sizeof *value, cudaMemcpyHostToDevice, stream),
                "cudaMemcpyAsync", where);
}

}  // namespace prophet::cuda
