#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kernels/weights.hpp"
#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"

namespace prophet {

/// The routers of a checkpoint in host memory, as the checkpoint stores them (fp8 as bf16, as a live model
/// has it). Owns the weights. const access is thread-safe.
class HostRouters {
 public:
  /// Reads the routers only: none of the folder's other tensors is needed. Throws Error{bad_input} as
  /// load_decoder_config() and Checkpoint do, and naming a router that is missing or has another shape.
  explicit HostRouters(const std::filesystem::path& folder);

  /// Layers with experts, and experts of each.
  [[nodiscard]] const ExpertGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] std::uint32_t hidden_size() const noexcept { return hidden_size_; }

  /// logits [tokens, experts] of `layer`'s router for inputs [tokens, hidden_size], the same bits as those of
  /// a live model on the cpu device. REQUIRES: both of that size.
  void apply(LayerId layer, std::uint32_t tokens, std::span<const float> inputs,
             std::span<float> logits) const;

 private:
  struct Router {
    std::vector<std::byte> bytes;
    kernels::FloatFormat format = kernels::FloatFormat::fp32;
  };

  ExpertGrid grid_;
  std::uint32_t hidden_size_ = 0;
  std::vector<Router> routers_;  ///< [layers], each [experts, hidden_size]
};

}  // namespace prophet
