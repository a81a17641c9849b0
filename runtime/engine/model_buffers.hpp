#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/device/handles.hpp"
#include "runtime/engine/workload.hpp"
#include "runtime/memory/arena.hpp"

namespace prophet {

/// What a replay holds in device memory: the arena of slabs, the always-resident weights and the activations
/// of one step. Owns all of it; the device must outlive it.
class ModelBuffers {
 public:
  /// Allocates everything and, on a device with bytes, fills weights and activations from `seed`.
  /// Throws Error{out_of_memory} when the device cannot hold it; then nothing stays allocated.
  ModelBuffers(Device& device, const Workload& workload, std::uint32_t slabs, std::uint32_t tokens_max,
               std::uint64_t seed);

  [[nodiscard]] const Arena& arena() const noexcept { return arena_; }
  [[nodiscard]] BufferView arena_bytes() const noexcept { return slabs_.view(); }
  /// [rows, hidden_size] of one layer.
  [[nodiscard]] BufferView dense(LayerId layer) const noexcept {
    return dense_.view().slice(layer.value * dense_stride_bytes_, dense_bytes_);
  }
  /// Of all layers, each at its stride.
  [[nodiscard]] BufferView dense_layers() const noexcept { return dense_.view(); }
  [[nodiscard]] std::uint64_t dense_stride_bytes() const noexcept { return dense_stride_bytes_; }
  /// [tokens, hidden_size] fp32.
  [[nodiscard]] BufferView hidden(std::uint32_t tokens) const noexcept {
    return hidden_.view().slice(0, tokens * row_bytes_);
  }
  /// [rows, hidden_size] fp32 of experts' outputs, from row `first`.
  [[nodiscard]] BufferView outputs(std::uint32_t first, std::uint32_t rows) const noexcept {
    return outputs_.view().slice(first * row_bytes_, rows * row_bytes_);
  }
  /// Host copy of the hidden states: what a step's outputs are read into.
  [[nodiscard]] BufferView host_hidden(std::uint32_t tokens) const noexcept {
    return host_hidden_.view().slice(0, tokens * row_bytes_);
  }
  /// Everything in device memory, slabs included.
  [[nodiscard]] std::uint64_t device_bytes() const noexcept;

 private:
  void fill(Device& device, std::uint32_t layers, std::uint64_t seed);

  Arena arena_;
  std::uint64_t row_bytes_;
  std::uint64_t dense_bytes_;
  std::uint64_t dense_stride_bytes_;
  Buffer slabs_;
  Buffer dense_;
  Buffer lookup_;  ///< held, since the model holds it; a replay reads nothing of it
  Buffer hidden_;
  Buffer outputs_;
  Buffer host_hidden_;
};

}  // namespace prophet
