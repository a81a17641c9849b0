#include "runtime/engine/host_routers.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "kernels/expert_quantise.hpp"
#include "kernels/linear.hpp"
#include "prophet/error.hpp"
#include "runtime/model/checkpoint.hpp"
#include "runtime/model/decoder_config.hpp"
#include "runtime/model/decoder_tensors.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"

namespace prophet {
namespace {

constexpr std::array readable_dtypes = {TensorDtype::bf16, TensorDtype::f16, TensorDtype::f32,
                                        TensorDtype::f8_e4m3};

std::vector<NamedTensor> router_tensors(const DecoderConfig& config) {
  std::vector<NamedTensor> routers;
  for (const LayerTensors& layer : tensor_names(config).layers) {
    if (layer.router) routers.push_back(*layer.router);
  }
  return routers;
}

void require(const Checkpoint& checkpoint, const std::vector<NamedTensor>& routers) {
  std::vector<TensorRequirement> needed;
  for (const NamedTensor& router : routers)
    needed.push_back({router.name, router.shape, {readable_dtypes.begin(), readable_dtypes.end()}});
  checkpoint.require(needed);
}

std::vector<std::byte> bf16_bytes(const TensorView& tensor) {
  std::vector<float> values(tensor.bytes.size());  // one byte each
  copy_values(tensor, values);
  std::vector<std::byte> bytes(values.size() * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = kernels::encode_bf16(values[i]);
    std::memcpy(bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
  return bytes;
}

kernels::FloatFormat format_of(TensorDtype dtype) {
  if (dtype == TensorDtype::f32) return kernels::FloatFormat::fp32;
  return dtype == TensorDtype::f16 ? kernels::FloatFormat::fp16 : kernels::FloatFormat::bf16;
}

}  // namespace

HostRouters::HostRouters(const std::filesystem::path& folder) {
  const DecoderConfig config = load_decoder_config(folder);
  const Checkpoint checkpoint(folder);
  const std::vector<NamedTensor> named = router_tensors(config);
  require(checkpoint, named);
  grid_ = config.shape.grid;
  hidden_size_ = config.architecture.hidden_size;
  routers_.reserve(named.size());
  for (const NamedTensor& router : named) {
    const TensorView tensor = checkpoint.at(router.name);
    const bool is_fp8 = tensor.dtype == TensorDtype::f8_e4m3;
    routers_.push_back(
        {is_fp8 ? bf16_bytes(tensor) : std::vector<std::byte>(tensor.bytes.begin(), tensor.bytes.end()),
         format_of(tensor.dtype)});
  }
}

void HostRouters::apply(LayerId layer, std::uint32_t tokens, std::span<const float> inputs,
                        std::span<float> logits) const {
  const Router& router = routers_[layer.index()];
  kernels::Linear call;
  call.weights = {router.bytes.data(), router.format, grid_.experts, hidden_size_};
  call.input = inputs.data();
  call.output = logits.data();
  call.tokens = tokens;
  if (const kernels::Status status = kernels::linear(call); status != kernels::Status::ok) {
    throw Error(ErrorCode::check_failed, fmt::format("router of layer {}: the kernel refuses {}", layer.value,
                                                     kernels::status_name(status)));
  }
}

}  // namespace prophet
