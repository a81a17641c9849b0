// Copies and fills of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/copies.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaError_t fill_async(void* address, int value, std::size_t bytes, const StreamPtr& stream) {
  if (bytes == 0) return stream ? cudaSuccess : cudaErrorInvalidResourceHandle;
  const MemoryRange range = Memory::instance().look_up(address, bytes);
  if (!range.whole || range.kind == MemoryKind::pageable || range.kind == MemoryKind::vacant)
    return cudaErrorInvalidValue;
  Work work{.type = cudaGraphNodeTypeMemset, .operation = {}};
  work.operation.run = [=] {
    std::memset(address, value, bytes);
    return cudaSuccess;
  };
  return enqueue(stream, std::move(work));
}

/// A batch of one call; its copies run as one operation, in an order that the seed draws.
struct Batch {
  std::vector<Copy> copies;
  std::vector<std::shared_ptr<std::vector<unsigned char>>> staged;

  cudaError_t run() const {
    for (const Copy& copy : copies) std::memmove(copy.destination, copy.source, copy.bytes);
    return cudaSuccess;
  }
  /// The source is read now, not in stream order.
  void stage(Copy& copy) {
    const auto* bytes = static_cast<const unsigned char*>(copy.source);
    staged.push_back(std::make_shared<std::vector<unsigned char>>(bytes, bytes + copy.bytes));
    copy.source = staged.back()->data();
  }
};

/// The attributes of each copy; false where the lists do not say them for every copy.
bool attributes_are_whole(const cudaMemcpyAttributes* attributes, const size_t* first, std::size_t number,
                          std::size_t copies) {
  if (attributes == nullptr || first == nullptr || number == 0 || number > copies || first[0] != 0)
    return false;
  for (std::size_t i = 0; i < number; ++i) {
    const auto order = attributes[i].srcAccessOrder;
    if (order <= cudaMemcpySrcAccessOrderInvalid || order > cudaMemcpySrcAccessOrderAny) return false;
    if ((attributes[i].flags & ~unsigned{cudaMemcpyFlagPreferOverlapWithCompute}) != 0) return false;
    if (i != 0 && first[i] <= first[i - 1]) return false;
  }
  return first[number - 1] < copies;
}

/// One operation occupies one engine: that of the batch's first copy between host and device.
Engine engine_of(const Batch& batch) {
  const auto found = std::find_if(batch.copies.begin(), batch.copies.end(),
                                  [](const Copy& copy) { return copy.engine != Engine::none; });
  return found == batch.copies.end() ? Engine::none : found->engine;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaMemcpyAsync(void* destination, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (bytes == 0) return cudaSuccess;
    Copy copy;
    const cudaError_t refusal = plan_copy(copy, destination, source, bytes, kind);
    return refusal != cudaSuccess ? refusal : copy_async(copy, found);
  });
}

cudaError_t cudaMemcpy(void* destination, const void* source, size_t bytes, cudaMemcpyKind kind) {
  return synchronising_call(__func__, [&] {
    if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
    if (bytes == 0) return cudaSuccess;
    Copy copy;
    if (const cudaError_t refusal = plan_copy(copy, destination, source, bytes, kind); refusal != cudaSuccess)
      return refusal;
    const StreamPtr stream = legacy_stream(current_device());
    // As CUDA says of them: the one waits for what is before it and only until its source has been read, the
    // other for nothing.
    const bool is_staged = copy.source_is_pageable && copy.engine == Engine::to_device;
    if (is_staged) synchronise(*stream);
    const cudaError_t result = copy_async(copy, stream);
    if (result == cudaSuccess && !is_staged && !copy.within_device) synchronise(*stream);
    return result;
  });
}

cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] { return fill_async(address, value, bytes, find_stream(stream)); });
}

cudaError_t cudaMemset(void* address, int value, size_t bytes) {
  return call(__func__, [&] {
    if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
    return fill_async(address, value, bytes, legacy_stream(current_device()));
  });
}

cudaError_t cudaMemcpyBatchAsync(void* const* destinations, const void* const* sources, const size_t* sizes,
                                 size_t count, cudaMemcpyAttributes* attributes, size_t* first_of_attribute,
                                 size_t attribute_count, cudaStream_t stream) {
  return call(__func__, [&] {
    if (stream == nullptr || stream == cudaStreamLegacy) return cudaErrorInvalidValue;
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (destinations == nullptr || sources == nullptr || sizes == nullptr || count == 0)
      return cudaErrorInvalidValue;
    if (!attributes_are_whole(attributes, first_of_attribute, attribute_count, count))
      return cudaErrorInvalidValue;
    if (refuse_if_capturing(*found) != cudaSuccess) return cudaErrorStreamCaptureUnsupported;
    auto batch = std::make_shared<Batch>();
    std::size_t attribute = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (attribute + 1 < attribute_count && first_of_attribute[attribute + 1] == i) ++attribute;
      Copy copy;
      if (sizes[i] == 0) return cudaErrorInvalidValue;
      if (const cudaError_t refusal =
              plan_copy(copy, destinations[i], sources[i], sizes[i], cudaMemcpyDefault);
          refusal != cudaSuccess)
        return refusal;
      if (attributes[attribute].srcAccessOrder == cudaMemcpySrcAccessOrderDuringApiCall &&
          copy.engine == Engine::to_device)
        batch->stage(copy);
      batch->copies.push_back(copy);
    }
    std::shuffle(batch->copies.begin(), batch->copies.end(), std::mt19937_64(machine().seed + count));
    Work work{.type = cudaGraphNodeTypeMemcpy, .operation = {}};
    work.operation.engine = engine_of(*batch);
    work.operation.run = [batch = std::move(batch)] { return batch->run(); };
    return enqueue(found, std::move(work));
  });
}

}  // extern "C"
