#include "predictor/mlp/device_nets.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t alignment_bytes = 256;
constexpr std::uint64_t staging_bytes_max = 4ULL << 20;

template <class Value>
std::uint64_t bytes_of(const std::vector<Value>& values) {
  return values.size() * sizeof(Value);
}

std::uint64_t aligned(std::uint64_t bytes) {
  return checked_round_up(bytes, alignment_bytes, "bytes of a learned predictor");
}

/// Net `number` of `nets` equal parts.
BufferView part(BufferView whole, std::uint64_t at, std::uint64_t bytes, std::size_t nets,
                std::size_t number) {
  const std::uint64_t of_one = bytes / nets;
  return whole.slice(at + number * of_one, of_one);
}

}  // namespace

DeviceNets::Places DeviceNets::places_of(const MlpModel& model) {
  Places places;
  places.b1 = aligned(bytes_of(model.w1));
  places.w2 = places.b1 + aligned(bytes_of(model.b1));
  places.b2 = places.w2 + aligned(bytes_of(model.w2));
  places.end = places.b2 + aligned(bytes_of(model.b2));
  return places;
}

DeviceNets::DeviceNets(Device& device, const MlpModel& model, std::uint32_t lanes_max)
    : device_(device),
      model_(model),
      places_(places_of(model)),
      ids_bytes_(
          aligned(sizeof(std::uint32_t) * model.shape.groups.size() * lanes_max * model.shape.ids_per_group)),
      logits_bytes_(aligned(sizeof(float) * lanes_max *
                            std::uint64_t{kernels::predictor_row_values(model.shape.grid.experts)})),
      weights_(device, MemoryKind::device, places_.end),
      ids_(device, MemoryKind::device, ids_bytes_ * model.shape.lookahead_layers),
      host_ids_(device, MemoryKind::host_pinned, ids_bytes_ * model.shape.lookahead_layers),
      logits_(device, MemoryKind::device, logits_bytes_ * model.shape.lookahead_layers),
      host_logits_(device, MemoryKind::host_pinned, logits_bytes_ * model.shape.lookahead_layers),
      stream_(device, StreamRole::compute) {
  for (std::uint32_t ahead = 0; ahead < model.shape.lookahead_layers; ++ahead) done_.emplace_back(device);
  upload();
}

std::uint64_t DeviceNets::device_bytes() const noexcept {
  return weights_.view().size_bytes + ids_.view().size_bytes + logits_.view().size_bytes;
}

void DeviceNets::upload() {
  const Buffer staging(device_, MemoryKind::host_pinned, std::min(staging_bytes_max, places_.end));
  upload_part(0, std::as_bytes(std::span(model_.w1)), staging);
  upload_part(places_.b1, std::as_bytes(std::span(model_.b1)), staging);
  upload_part(places_.w2, std::as_bytes(std::span(model_.w2)), staging);
  upload_part(places_.b2, std::as_bytes(std::span(model_.b2)), staging);
}

void DeviceNets::upload_part(std::uint64_t at, std::span<const std::byte> bytes, const Buffer& staging) {
  while (!bytes.empty()) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), staging.view().size_bytes);
    const BufferView from = staging.view().slice(0, count);
    if (const auto to = device_.host_bytes(from); !to.empty()) std::memcpy(to.data(), bytes.data(), count);
    device_.copy(stream_.id(), weights_.view().slice(at, count), from, 0);
    device_.synchronize();
    bytes = bytes.subspan(count);
    at += count;
  }
}

BufferView DeviceNets::ids_view(const Buffer& buffer, std::uint32_t lookahead, std::uint32_t lanes) const {
  const std::uint64_t bytes =
      sizeof(std::uint32_t) * model_.shape.groups.size() * lanes * model_.shape.ids_per_group;
  return buffer.view().slice((lookahead - 1) * ids_bytes_, bytes);
}

BufferView DeviceNets::logits_view(const Buffer& buffer, std::uint32_t lookahead, std::uint32_t lanes) const {
  const std::uint64_t bytes =
      sizeof(float) * lanes * std::uint64_t{kernels::predictor_row_values(model_.shape.grid.experts)};
  return buffer.view().slice((lookahead - 1) * logits_bytes_, bytes);
}

void DeviceNets::begin() {
  for (std::size_t ahead = 0; ahead < done_.size(); ++ahead) {
    if (started_[ahead]) device_.synchronize(done_[ahead].id());
    started_[ahead] = false;
  }
}

std::span<std::uint32_t> DeviceNets::input(std::uint32_t lookahead, std::uint32_t lanes) {
  const std::span<std::byte> bytes = device_.host_bytes(ids_view(host_ids_, lookahead, lanes));
  return {reinterpret_cast<std::uint32_t*>(bytes.data()), bytes.size() / sizeof(std::uint32_t)};
}

void DeviceNets::start(std::size_t net, std::uint32_t lookahead, std::uint32_t lanes) {
  const MlpShape& shape = model_.shape;
  const BufferView weights = weights_.view();
  PredictOp op;
  op.w1 = part(weights, 0, bytes_of(model_.w1), shape.nets(), net);
  op.b1 = part(weights, places_.b1, bytes_of(model_.b1), shape.nets(), net);
  op.w2 = part(weights, places_.w2, bytes_of(model_.w2), shape.nets(), net);
  op.b2 = part(weights, places_.b2, bytes_of(model_.b2), shape.nets(), net);
  op.format = kernels::FloatFormat::bf16;
  op.ids = ids_view(ids_, lookahead, lanes);
  op.logits = logits_view(logits_, lookahead, lanes);
  op.groups = static_cast<std::uint32_t>(shape.groups.size());
  op.ids_per_group = shape.ids_per_group;
  op.experts = shape.grid.experts;
  op.hidden = shape.hidden;
  op.lanes = lanes;
  device_.copy(stream_.id(), op.ids, ids_view(host_ids_, lookahead, lanes), net);
  device_.launch(stream_.id(), op, net);
  device_.copy(stream_.id(), logits_view(host_logits_, lookahead, lanes), op.logits, net);
  device_.record(stream_.id(), done_[lookahead - 1].id());
  started_[lookahead - 1] = true;
}

std::span<const float> DeviceNets::logits(std::uint32_t lookahead, std::uint32_t lanes) {
  device_.synchronize(done_[lookahead - 1].id());
  const std::span<const std::byte> bytes = device_.host_bytes(logits_view(host_logits_, lookahead, lanes));
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

}  // namespace prophet
