#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "kernels/expert_layout.hpp"
#include "runtime/engine/live/decoder_weights.hpp"
#include "runtime/engine/live/expert_loader.hpp"
#include "runtime/model/checkpoint.hpp"
#include "runtime/model/decoder_config.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

/// A live model loaded: what is always resident in device memory, and all experts in the host store, in the
/// format that slabs hold them in. Owns everything; the device must outlive it. The checkpoint's files are
/// not needed any more once it is constructed.
class LiveWeights {
 public:
  /// `format` as live_expert_layout takes it. Throws Error{bad_input} for what is wrong with the folder's
  /// files, Error{out_of_memory} when device or host cannot hold the weights; then nothing stays allocated.
  LiveWeights(Device& device, const std::filesystem::path& folder,
              std::optional<kernels::ExpertFormat> format);

  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  [[nodiscard]] const kernels::SlabLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] const DecoderWeights& dense() const noexcept { return dense_; }
  [[nodiscard]] const HostStore& store() const noexcept { return store_; }
  /// Of an expert as the checkpoint stores it.
  [[nodiscard]] std::uint64_t stored_expert_bytes() const noexcept { return stored_expert_bytes_; }

 private:
  LiveWeights(Device& device, DecoderConfig config, const Checkpoint& checkpoint,
              std::optional<kernels::ExpertFormat> format);

  DecoderConfig config_;
  DecoderWeights dense_;
  kernels::SlabLayout layout_;
  std::uint64_t stored_expert_bytes_;
  HostStore store_;
};

}  // namespace prophet
