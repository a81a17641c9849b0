#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/commands/live_setup.hpp"

namespace prophet {

/// Logits may differ so much from those of another device, of the largest one at a position: devices add up
/// in other orders, which moves fp32's last bits, and every layer hands that on.
inline constexpr double device_tolerance = 1e-3;

/// What a run's logits were, position by position.
class LogitsLog {
 public:
  explicit LogitsLog(std::size_t requests) : of_request_(requests) {}
  /// Throws Error{out_of_memory} beyond limits::recorded_bytes_max.
  void add(const NewToken& token);
  [[nodiscard]] std::span<const float> at(std::size_t request, std::size_t position, std::size_t vocab) const;

 private:
  std::vector<std::vector<float>> of_request_;  ///< [requests][new tokens x vocab]
  std::uint64_t bytes_ = 0;
};

/// The same tokens on two devices.
struct DeviceComparison {
  std::string device;              ///< that was compared with
  std::uint64_t positions = 0;     ///< at which logits were compared
  std::uint64_t other_tokens = 0;  ///< at which the largest logit is another token's
  double largest_difference = 0;   ///< of a logit, over the largest logit's magnitude at its position
  std::size_t request = 0;         ///< where that was
  std::size_t position = 0;        ///< which of its new tokens
  [[nodiscard]] bool agrees() const noexcept { return largest_difference <= device_tolerance; }
};

/// Runs the model once more on `device`, with all experts resident, over the prompts and the tokens that
/// `row` generated, and compares its logits with `log`'s. Throws as load_live() does.
[[nodiscard]] DeviceComparison compare_with_device(const LiveSetup& setup, const LoadedLive& loaded,
                                                   const std::string& device, const LiveRow& row,
                                                   const LogitsLog& log);

}  // namespace prophet
