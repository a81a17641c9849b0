#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "predictor/mlp/mlp_model.hpp"
#include "runtime/device/device.hpp"
#include "runtime/device/handles.hpp"

namespace prophet {

/// The nets of a learned predictor in a device's memory, and forecasts made there on a stream of their own:
/// the ids go up from pinned memory, each net is one PredictOp, the logits come down. The weights go up once,
/// at construction. On a device that moves no bytes all of it takes its time, and the logits are not there.
/// The device's thread; no allocation after construction; the device and the model must outlive it.
class DeviceNets {
 public:
  /// Throws Error{out_of_memory} when the device cannot hold it; then nothing stays allocated.
  DeviceNets(Device& device, const MlpModel& model, std::uint32_t lanes_max);

  [[nodiscard]] std::uint64_t device_bytes() const noexcept;

  /// Begins the forecasts of a layer: what was started before is given up. Waits until the device has read
  /// its ids.
  void begin();
  /// Where the input [groups, lanes, ids] of the forecast `lookahead` layers ahead is to be written; empty on
  /// a device without bytes.
  [[nodiscard]] std::span<std::uint32_t> input(std::uint32_t lookahead, std::uint32_t lanes);
  /// Starts it by this net.
  void start(std::size_t net, std::uint32_t lookahead, std::uint32_t lanes);
  [[nodiscard]] bool started(std::uint32_t lookahead) const noexcept { return started_[lookahead - 1]; }
  /// Waits for what was started, and returns logits [lanes, predictor_row_values(experts)]; empty on a device
  /// without bytes. Valid until begin().
  [[nodiscard]] std::span<const float> logits(std::uint32_t lookahead, std::uint32_t lanes);

 private:
  /// Where the parts of the weights begin in weights_.
  struct Places {
    std::uint64_t b1 = 0;
    std::uint64_t w2 = 0;
    std::uint64_t b2 = 0;
    std::uint64_t end = 0;
  };
  static Places places_of(const MlpModel& model);
  void upload();
  void upload_part(std::uint64_t at, std::span<const std::byte> bytes, const Buffer& staging);
  [[nodiscard]] BufferView ids_view(const Buffer& buffer, std::uint32_t lookahead, std::uint32_t lanes) const;
  [[nodiscard]] BufferView logits_view(const Buffer& buffer, std::uint32_t lookahead,
                                       std::uint32_t lanes) const;

  Device& device_;
  const MlpModel& model_;
  Places places_;
  std::uint64_t ids_bytes_;     ///< of one lookahead, for all lanes
  std::uint64_t logits_bytes_;  ///< as ids_bytes_
  Buffer weights_;
  Buffer ids_;
  Buffer host_ids_;
  Buffer logits_;
  Buffer host_logits_;
  Stream stream_;
  std::vector<Event> done_;                        ///< of each lookahead
  std::array<bool, mlp_lookahead_max> started_{};  ///< since begin()
};

}  // namespace prophet
