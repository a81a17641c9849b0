#include "runtime/device/cuda/expert_table.hpp"

#include <algorithm>

#include "kernels/resolve.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "table of experts and slabs";

}  // namespace

ExpertTable::ExpertTable(std::uint32_t experts, Status& status)
    : status_(status),
      experts_(experts),
      entries_(sizeof(std::uint32_t) * std::uint64_t{experts}, status, where),
      own_(sizeof(std::uint32_t) * std::uint64_t{experts}, status, where),
      changed_end_(experts) {
  std::fill_n(reinterpret_cast<std::uint32_t*>(own_.data()), experts, kernels::no_slab);
}

void ExpertTable::set(std::uint32_t expert, std::uint32_t slab) noexcept {
  reinterpret_cast<std::uint32_t*>(own_.data())[expert] = slab;
  const bool none = changed_begin_ == changed_end_;
  changed_begin_ = none ? expert : std::min(changed_begin_, expert);
  changed_end_ = none ? expert + 1 : std::max(changed_end_, expert + 1);
}

void ExpertTable::clear(std::uint32_t expert) noexcept {
  set(expert, kernels::no_slab);
}

void ExpertTable::publish(cudaStream_t stream) {
  if (changed_begin_ == changed_end_) return;
  const std::uint64_t at_bytes = sizeof(std::uint32_t) * std::uint64_t{changed_begin_};
  const std::uint64_t size_bytes = sizeof(std::uint32_t) * std::uint64_t{changed_end_ - changed_begin_};
  status_.check(cudaMemcpyAsync(entries_.data() + at_bytes, own_.data() + at_bytes, size_bytes,
                                cudaMemcpyHostToDevice, stream),
                "cudaMemcpyAsync", where);
  changed_begin_ = changed_end_ = 0;
}

}  // namespace prophet::cuda
