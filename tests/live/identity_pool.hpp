#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "kernels/expert_layout.hpp"
#include "runtime/base/random.hpp"
#include "runtime/model/decoder_config.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::testing {

/// Sequences of drawn tokens, and what a model makes of each alone, in one pass, with every expert resident:
/// what any other way to run them is compared with.
class IdentityPool {
 public:
  static constexpr std::uint32_t sequences = 12;
  static constexpr std::uint32_t tokens_min = 24;
  static constexpr std::uint32_t tokens_max = 72;

  IdentityPool(std::filesystem::path model, std::optional<kernels::ExpertFormat> format, Random& random);

  [[nodiscard]] const std::filesystem::path& model() const noexcept { return model_; }
  [[nodiscard]] std::optional<kernels::ExpertFormat> format() const noexcept { return format_; }
  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  /// Token ids of a sequence.
  [[nodiscard]] const std::vector<std::uint32_t>& ids(std::uint32_t sequence) const noexcept {
    return ids_[sequence];
  }
  /// Checksum of the logits at a position.
  [[nodiscard]] std::uint64_t logits(std::uint32_t sequence, std::uint32_t position) const noexcept {
    return logits_[sequence][position];
  }
  /// How the model routed them: sequence s of the trace is sequence s.
  [[nodiscard]] const RoutingTrace& trace() const noexcept { return trace_; }

 private:
  std::filesystem::path model_;
  std::optional<kernels::ExpertFormat> format_;
  DecoderConfig config_;
  std::vector<std::vector<std::uint32_t>> ids_;     ///< [sequences, tokens]
  std::vector<std::vector<std::uint64_t>> logits_;  ///< [sequences, tokens]
  RoutingTrace trace_;
};

/// Of one position's logits, bit by bit.
[[nodiscard]] std::uint64_t logits_checksum(std::span<const float> logits) noexcept;

}  // namespace prophet::testing
