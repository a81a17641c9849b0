#include "runtime/engine/live/decoder_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "kernels/expert_quantise.hpp"
#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/engine/live/runnable.hpp"
#include "runtime/model/decoder_tensors.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"

namespace prophet {
namespace {

/// Every tensor begins on this boundary: wide loads like it.
constexpr std::uint64_t tensor_alignment_bytes = 256;

kernels::FloatFormat stored_format(TensorDtype dtype) {
  if (dtype == TensorDtype::f32) return kernels::FloatFormat::fp32;
  return dtype == TensorDtype::f16 ? kernels::FloatFormat::fp16 : kernels::FloatFormat::bf16;
}

constexpr std::array readable_dtypes = {TensorDtype::bf16, TensorDtype::f16, TensorDtype::f32,
                                        TensorDtype::f8_e4m3};

/// Where a tensor goes: the plan is made first, so that one allocation holds everything.
class Placement {
 public:
  explicit Placement(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  BufferView place(const TensorView& tensor) {
    const std::uint64_t values = tensor.bytes.size() / (tensor_dtype_bits(tensor.dtype) / 8);
    const std::uint64_t bytes = values * kernels::format_bytes(stored_format(tensor.dtype));
    BufferView view;
    view.offset_bytes = size_bytes_;
    view.size_bytes = bytes;
    size_bytes_ =
        checked_add(size_bytes_, checked_round_up(bytes, tensor_alignment_bytes, "weights"), "weights");
    placed_.emplace_back(tensor, view);
    return view;
  }
  WeightMatrix matrix(const NamedTensor& named) {
    const TensorView tensor = checkpoint_.at(named.name);
    WeightMatrix matrix;
    matrix.data = place(tensor);
    matrix.format = stored_format(tensor.dtype);
    matrix.rows = static_cast<std::uint32_t>(named.shape[0]);
    matrix.columns = static_cast<std::uint32_t>(named.shape[1]);
    return matrix;
  }
  WeightMatrix matrix(const std::optional<NamedTensor>& named) {
    return named ? matrix(*named) : WeightMatrix{};
  }
  WeightVector vector(const NamedTensor& named) {
    const TensorView tensor = checkpoint_.at(named.name);
    return {place(tensor), stored_format(tensor.dtype), static_cast<std::uint32_t>(named.shape[0])};
  }
  WeightVector vector(const std::optional<NamedTensor>& named) {
    return named ? vector(*named) : WeightVector{};
  }
  BufferView bias(const std::optional<NamedTensor>& named, const WeightMatrix& of) {
    if (!named) return {};
    const TensorView tensor = checkpoint_.at(named->name);
    if (stored_format(tensor.dtype) != of.format) {
      throw Error(ErrorCode::bad_input,
                  fmt::format("{}: {} is {}, expected the dtype of its matrix", checkpoint_.folder(),
                              named->name, tensor_dtype_name(tensor.dtype)));
    }
    return place(tensor);
  }
  FfnWeights ffn(const std::optional<FeedForwardTensors>& tensors) {
    if (!tensors) return {};
    FfnWeights ffn;
    ffn.gate = matrix(tensors->gate);
    ffn.up = matrix(tensors->up);
    ffn.down = matrix(tensors->down);
    return ffn;
  }

  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] const std::vector<std::pair<TensorView, BufferView>>& placed() const noexcept {
    return placed_;
  }

 private:
  const Checkpoint& checkpoint_;
  std::uint64_t size_bytes_ = 0;
  std::vector<std::pair<TensorView, BufferView>> placed_;
};

void write_stored(const TensorView& tensor, std::span<std::byte> out) {
  if (tensor.dtype != TensorDtype::f8_e4m3) {
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
    return;
  }
  std::vector<float> values(tensor.bytes.size());
  copy_values(tensor, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = kernels::encode_bf16(values[i]);
    std::memcpy(out.data() + 2 * i, &bits, sizeof bits);
  }
}

void upload(Device& device, const Placement& plan, BufferView memory) {
  std::uint64_t largest = 1;
  for (const auto& [tensor, view] : plan.placed()) largest = std::max(largest, view.size_bytes);
  const Buffer staging(device, MemoryKind::host_pinned, largest);
  const Stream stream(device, StreamRole::demand_copy);
  for (const auto& [tensor, view] : plan.placed()) {
    if (view.size_bytes == 0) continue;
    const BufferView from = staging.view().slice(0, view.size_bytes);
    write_stored(tensor, device.host_bytes(from));
    device.copy(stream.id(), memory.slice(view.offset_bytes, view.size_bytes), from, 0);
    device.synchronize();
  }
}

AttentionWeights place_attention(Placement& plan, const AttentionTensors& tensors) {
  AttentionWeights w;
  w.q = plan.matrix(tensors.q);
  w.k = plan.matrix(tensors.k);
  w.v = plan.matrix(tensors.v);
  w.o = plan.matrix(tensors.o);
  w.q_bias = plan.bias(tensors.q_bias, w.q);
  w.k_bias = plan.bias(tensors.k_bias, w.k);
  w.v_bias = plan.bias(tensors.v_bias, w.v);
  w.o_bias = plan.bias(tensors.o_bias, w.o);
  w.q_norm = plan.vector(tensors.q_norm);
  w.k_norm = plan.vector(tensors.k_norm);
  return w;
}

DecoderLayerWeights place_layer(Placement& plan, const LayerTensors& tensors) {
  DecoderLayerWeights w;
  w.input_norm = plan.vector(tensors.input_norm);
  w.post_attention_norm = plan.vector(tensors.post_attention_norm);
  w.attention = place_attention(plan, tensors.attention);
  w.router = plan.matrix(tensors.router);
  w.shared = plan.ffn(tensors.shared);
  w.shared_gate = plan.matrix(tensors.shared_gate);
  w.dense = plan.ffn(tensors.dense);
  return w;
}

/// Views were planned from 0 on; now they know the buffer.
void settle(BufferView& view, BufferView memory) {
  if (view.size_bytes != 0) view = memory.slice(view.offset_bytes, view.size_bytes);
}

void settle(DecoderLayerWeights& w, BufferView memory) {
  for (WeightVector* v : {&w.input_norm, &w.post_attention_norm, &w.attention.q_norm, &w.attention.k_norm})
    settle(v->data, memory);
  for (WeightMatrix* m :
       {&w.attention.q, &w.attention.k, &w.attention.v, &w.attention.o, &w.router, &w.shared_gate})
    settle(m->data, memory);
  for (FfnWeights* f : {&w.shared, &w.dense}) {
    for (WeightMatrix* m : {&f->gate, &f->up, &f->down}) settle(m->data, memory);
  }
  for (BufferView* b : {&w.attention.q_bias, &w.attention.k_bias, &w.attention.v_bias, &w.attention.o_bias})
    settle(*b, memory);
}

}  // namespace

DecoderWeights::DecoderWeights(Device& device, const Checkpoint& checkpoint, const DecoderConfig& config) {
  require_runnable(config);
  const DecoderTensors tensors = tensor_names(config);
  checkpoint.require(requirements(tensors, readable_dtypes));
  Placement plan(checkpoint);
  embedding_ = plan.matrix(tensors.embeddings);
  final_norm_ = plan.vector(tensors.norm);
  lm_head_ = plan.matrix(tensors.head);
  for (const LayerTensors& layer : tensors.layers) layers_.push_back(place_layer(plan, layer));

  memory_ = Buffer(device, MemoryKind::device, plan.size_bytes());
  const BufferView memory = memory_.view();
  upload(device, plan, memory);
  settle(embedding_.data, memory);
  settle(final_norm_.data, memory);
  settle(lm_head_.data, memory);
  if (!tensors.head) lm_head_ = embedding_;
  for (DecoderLayerWeights& layer : layers_) settle(layer, memory);
}

}  // namespace prophet
