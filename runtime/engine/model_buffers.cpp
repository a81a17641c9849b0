#include "runtime/engine/model_buffers.hpp"

#include <algorithm>

#include "runtime/base/checked.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

ModelBuffers::ModelBuffers(Device& device, const Workload& workload, std::uint32_t slabs,
                           std::uint32_t tokens_max, std::uint64_t seed)
    : arena_(Arena::plan(workload.expert_bytes, slabs)),
      row_bytes_(std::uint64_t{workload.hidden_size} * sizeof(float)),
      dense_bytes_(std::max<std::uint64_t>(1, workload.dense_bytes_per_layer)),
      dense_stride_bytes_(checked_round_up(dense_bytes_, Arena::default_alignment_bytes, "dense bytes")),
      slabs_(device, MemoryKind::device, arena_.total_bytes()),
      dense_(device, MemoryKind::device,
             checked_mul(dense_stride_bytes_, workload.grid.layers, "dense bytes")),
      lookup_(workload.lookup_bytes == 0 ? Buffer()
                                         : Buffer(device, MemoryKind::device, workload.lookup_bytes)),
      hidden_(device, MemoryKind::device, tokens_max * row_bytes_),
      outputs_(device, MemoryKind::device,
               checked_mul(tokens_max * row_bytes_, workload.top_k, "activations")),
      host_hidden_(device, MemoryKind::host_pinned, tokens_max * row_bytes_) {
  if (device.info().has_bytes) fill(device, workload.grid.layers, seed);
}

void ModelBuffers::fill(Device& device, std::uint32_t layers, std::uint64_t seed) {
  const ExpertFiller weights = random_weights(seed, 1.0F);
  const Buffer staging(device, MemoryKind::host_pinned, dense_bytes_);  // outlives the copies in the stream
  const Stream stream(device, StreamRole::demand_copy);
  for (std::uint32_t l = 0; l < layers; ++l) {
    weights(ExpertIndex{l}, device.host_bytes(staging.view().slice(0, dense_bytes_)));
    device.copy(stream.id(), dense(LayerId{l}), staging.view().slice(0, dense_bytes_), l);
    device.synchronize();
  }
  weights(ExpertIndex{layers}, device.host_bytes(host_hidden_.view()));
  device.copy(stream.id(), hidden_.view(), host_hidden_.view(), 0);
  device.synchronize();
}

std::uint64_t ModelBuffers::device_bytes() const noexcept {
  return slabs_.view().size_bytes + dense_.view().size_bytes + lookup_.view().size_bytes +
         hidden_.view().size_bytes + outputs_.view().size_bytes;
}

}  // namespace prophet
