#include "runtime/device/cuda/pinned_memory.hpp"

#include <fmt/format.h>

#include <utility>

#include "runtime/base/checked.hpp"
#include "runtime/device/cpu/clock.hpp"
#include "runtime/device/cpu/host_memory.hpp"
#include "runtime/device/cuda/host_mapping.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "allocate: pinned host memory";
/// Left to the rest of the process: code, stacks, traces.
constexpr std::uint64_t reserve_bytes = 64ULL << 20;

void check_host_has(std::uint64_t size_bytes) {
  const std::uint64_t available = host_available_bytes();
  if (available >= reserve_bytes && size_bytes <= available - reserve_bytes) return;
  throw Error(ErrorCode::out_of_memory,
              fmt::format("{}: {} bytes were asked for, but the host has {} bytes available, of which {} are "
                          "kept in reserve",
                          where, size_bytes, available, reserve_bytes));
}

std::byte* map_some(std::uint64_t size_bytes, PinnedReport& report) {
  if (size_bytes >= huge_page_bytes && size_bytes <= host_total_bytes()) {
    report.mapped_bytes = checked_round_up(size_bytes, huge_page_bytes, where);
    report.pages = HugePages::reserved;
    if (std::byte* data = map_reserved_huge_pages(report.mapped_bytes); data != nullptr) return data;
  }
  check_host_has(size_bytes);
  report.mapped_bytes = checked_round_up(size_bytes, page_bytes, where);
  report.pages = size_bytes >= huge_page_bytes ? HugePages::transparent : HugePages::none;
  std::byte* const data = map_pages(report.mapped_bytes);
  if (data != nullptr) return data;
  throw Error(ErrorCode::out_of_memory,
              fmt::format("{}: the host refused to map {} bytes", where, size_bytes));
}

void bind(std::byte* data, std::optional<int> numa_node, PinnedReport& report) {
  if (!numa_node) {
    report.remark = "the GPU's NUMA node is not known";
    return;
  }
  report.remark = prefer_numa_node(data, report.mapped_bytes, *numa_node);
  if (report.remark.empty()) report.numa_node = numa_node;
}

/// What the system or the platform answers, and no operation does.
bool is_not_possible(cudaError_t registered) {
  return registered == cudaErrorNotSupported || registered == cudaErrorNotPermitted ||
         registered == cudaErrorOperatingSystem;
}

}  // namespace

const char* huge_pages_name(HugePages pages) noexcept {
  switch (pages) {
    case HugePages::reserved:
      return "reserved 2 MiB pages";
    case HugePages::transparent:
      return "transparent huge pages where the kernel has them";
    case HugePages::as_cuda_chose:
      return "pages as CUDA chose them";
    case HugePages::none:
      break;
  }
  return "ordinary pages";
}

PinnedMemory::PinnedMemory(std::uint64_t size_bytes, std::optional<int> numa_node, Status& status)
    : status_(&status) {
  report_.asked_bytes = size_bytes;
  const std::uint64_t begin_ns = cpu::monotonic_ns();
  map_touched(numa_node);
  const std::uint64_t touched_ns = cpu::monotonic_ns();
  report_.map_ns = touched_ns - begin_ns;
  try {
    if (const cudaError_t refusal = register_with_cuda(); refusal != cudaSuccess) {
      unmap();
      allocate_by_cuda(refusal);
    }
  } catch (...) {
    unmap();
    throw;
  }
  report_.register_ns = cpu::monotonic_ns() - touched_ns;
}

void PinnedMemory::map_touched(std::optional<int> numa_node) {
  data_ = map_some(report_.asked_bytes, report_);
  try {
    bind(data_, numa_node, report_);
  } catch (...) {
    unmap();
    throw;
  }
  touch_pages(data_, report_.mapped_bytes);
}

void PinnedMemory::unmap() noexcept {
  if (data_ != nullptr) unmap_pages(data_, report_.mapped_bytes);
  data_ = nullptr;
}

/// Returns why CUDA registers no memory at all. For anything else - too little memory, a lost device, the
/// error of an operation before - there is no other way, and it throws.
cudaError_t PinnedMemory::register_with_cuda() {
  const cudaError_t registered =
      cudaHostRegister(data_, report_.mapped_bytes, cudaHostRegisterPortable | cudaHostRegisterMapped);
  if (is_not_possible(registered)) {
    static_cast<void>(cudaGetLastError());
    return registered;
  }
  status_->check(registered, "cudaHostRegister", where);
  void* seen = nullptr;
  const cudaError_t result = cudaHostGetDevicePointer(&seen, data_, 0);
  if (result != cudaSuccess) {
    status_->note(cudaHostUnregister(data_), "cudaHostUnregister", where);
    status_->check(result, "cudaHostGetDevicePointer", where);
  }
  device_data_ = static_cast<std::byte*>(seen);
  return cudaSuccess;
}

void PinnedMemory::allocate_by_cuda(cudaError_t refusal) {
  by_cuda_ = MappedMemory(report_.asked_bytes, *status_, where);
  device_data_ = by_cuda_.device_data();
  report_.mapped_bytes = report_.asked_bytes;
  report_.pages = HugePages::as_cuda_chose;
  report_.numa_node.reset();
  report_.remark =
      fmt::format("cudaHostRegister says {}, so that CUDA allocated it", cudaGetErrorName(refusal));
}

PinnedMemory::~PinnedMemory() {
  if (data_ == nullptr || status_->lost()) return;
  if (status_->note(cudaHostUnregister(data_), "cudaHostUnregister", "free")) unmap();
}

void PinnedMemory::swap(PinnedMemory& other) noexcept {
  std::swap(status_, other.status_);
  std::swap(by_cuda_, other.by_cuda_);
  std::swap(data_, other.data_);
  std::swap(device_data_, other.device_data_);
  std::swap(report_, other.report_);
}

}  // namespace prophet::cuda
