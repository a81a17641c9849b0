#include "tests/cuda_on_cpu/cudart/copies.hpp"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "tests/cuda_on_cpu/cudart/memory.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaMemcpyKind kind_between(bool from_device, bool to_device) {
  if (from_device) return to_device ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost;
  return to_device ? cudaMemcpyHostToDevice : cudaMemcpyHostToHost;
}

bool holds(const MemoryRange& range) {
  return range.whole && range.kind != MemoryKind::vacant;
}

bool is_captured(const Stream& stream) {
  const QuietLock lock(captures_mutex());
  return stream.capture != nullptr;
}

std::function<cudaError_t()> mover(void* destination, const void* source, std::size_t bytes) {
  return [=] {
    std::memmove(destination, source, bytes);
    return cudaSuccess;
  };
}

std::function<cudaError_t()> staged_mover(const Copy& copy) {
  const auto* bytes = static_cast<const unsigned char*>(copy.source);
  auto staged = std::make_shared<std::vector<unsigned char>>(bytes, bytes + copy.bytes);
  return [staged = std::move(staged), destination = copy.destination] {
    std::memcpy(destination, staged->data(), staged->size());
    return cudaSuccess;
  };
}

}  // namespace

cudaError_t plan_copy(Copy& copy, void* destination, const void* source, std::size_t bytes,
                      cudaMemcpyKind kind) {
  if (destination == nullptr || source == nullptr) return cudaErrorInvalidValue;
  const MemoryRange to = Memory::instance().look_up(destination, bytes);
  const MemoryRange from = Memory::instance().look_up(source, bytes);
  if (!holds(to) || !holds(from)) return cudaErrorInvalidValue;
  const bool to_device = to.kind == MemoryKind::device;
  const bool from_device = from.kind == MemoryKind::device;
  const cudaMemcpyKind actual = kind_between(from_device, to_device);
  if (kind != cudaMemcpyDefault && kind != actual) return cudaErrorInvalidMemcpyDirection;
  copy.destination = destination;
  copy.source = source;
  copy.bytes = bytes;
  if (actual == cudaMemcpyHostToDevice) copy.engine = Engine::to_device;
  if (actual == cudaMemcpyDeviceToHost) copy.engine = Engine::to_host;
  copy.source_is_pageable = from.kind == MemoryKind::pageable;
  copy.destination_is_pageable = to.kind == MemoryKind::pageable;
  copy.within_device = actual == cudaMemcpyDeviceToDevice;
  return cudaSuccess;
}

cudaError_t copy_async(const Copy& copy, const StreamPtr& stream) {
  if (!stream) return cudaErrorInvalidResourceHandle;
  const bool captured = is_captured(*stream);
  Work work{.type = cudaGraphNodeTypeMemcpy, .operation = {}};
  work.operation.engine = copy.engine;
  // A graph reads its source at every launch.
  work.operation.run = copy.source_is_pageable && !captured
                           ? staged_mover(copy)
                           : mover(copy.destination, copy.source, copy.bytes);
  Signal signal;
  const cudaError_t result = enqueue(stream, std::move(work), &signal);
  if (result == cudaSuccess && copy.destination_is_pageable) Scheduler::instance().wait(signal);
  return result;
}

}  // namespace prophet::cuda_on_cpu
