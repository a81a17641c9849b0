#include "runtime/device/cuda/copy_batch.hpp"

namespace prophet::cuda {
namespace {

bool overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) noexcept {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b);
  return a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes;
}

}  // namespace

bool CopyBatch::fits(const PlainCopy& copy) const noexcept {
  if (count_ == copies_max) return false;
  for (std::size_t i = 0; i < count_; ++i) {
    if (overlap(copy.destination, copy.size_bytes, destinations_[i], sizes_[i])) return false;
    if (overlap(copy.destination, copy.size_bytes, sources_[i], sizes_[i])) return false;
    if (overlap(copy.source, copy.size_bytes, destinations_[i], sizes_[i])) return false;
  }
  return true;
}

void CopyBatch::add(const PlainCopy& copy, std::uint64_t tag) noexcept {
  if (count_ == 0) tag_ = tag;
  destinations_[count_] = copy.destination;
  sources_[count_] = copy.source;
  sizes_[count_] = copy.size_bytes;
  bytes_ += copy.size_bytes;
  ++count_;
}

void CopyBatch::submit(cudaStream_t stream, Status& status) {
  const std::size_t count = count_;
  forget();
  if (count == 1) return submit_one(0, stream, status);
  cudaMemcpyAttributes in_stream_order{};
  in_stream_order.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  in_stream_order.flags = cudaMemcpyFlagPreferOverlapWithCompute;
  std::size_t first_with_it = 0;
  const cudaError_t result = cudaMemcpyBatchAsync(destinations_.data(), sources_.data(), sizes_.data(), count,
                                                  &in_stream_order, &first_with_it, 1, stream);
  if (result != cudaErrorNotSupported) {
    status.check(result, "cudaMemcpyBatchAsync", "copy");
    return;
  }
  static_cast<void>(cudaGetLastError());
  for (std::size_t i = 0; i < count; ++i) submit_one(i, stream, status);
}

void CopyBatch::submit_one(std::size_t at, cudaStream_t stream, Status& status) {
  status.check(cudaMemcpyAsync(destinations_[at], sources_[at], sizes_[at], cudaMemcpyDefault, stream),
               "cudaMemcpyAsync", "copy");
}

}  // namespace prophet::cuda
