#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/expert_layout.hpp"

namespace prophet {

/// A text cut into windows of equal length that do not overlap.
struct TokenWindows {
  std::uint32_t tokens = 0;  ///< of each; the first is given, the others are predicted
  std::uint64_t count = 0;
  std::uint64_t left_over = 0;  ///< tokens behind the last window: not scored

  [[nodiscard]] std::uint64_t predicted_per_window() const noexcept { return std::uint64_t{tokens} - 1; }
  [[nodiscard]] std::uint64_t predicted() const noexcept { return count * predicted_per_window(); }
  [[nodiscard]] std::uint64_t run() const noexcept { return count * tokens; }
};

/// A text shorter than a window is one window by itself. REQUIRES: text_tokens and window_tokens of at least
/// 2.
[[nodiscard]] TokenWindows cut_windows(std::uint64_t text_tokens, std::uint32_t window_tokens) noexcept;

/// How one format of the experts did, and what it takes.
struct FormatRow {
  kernels::ExpertFormat format = kernels::ExpertFormat::bf16;
  bool stored = false;                  ///< as the checkpoint has them: what the others are compared with
  std::uint64_t expert_bytes = 0;       ///< of one
  std::uint64_t slab_bytes = 0;         ///< of the arena: cache and staging slabs
  std::uint64_t all_experts_bytes = 0;  ///< of as many slabs as there are experts

  std::vector<double> window_nats;  ///< [windows]: minus the sum of the predicted tokens' log probabilities
  std::uint64_t same_top = 0;       ///< predictions whose most probable token is the stored format's
  double kl_nats = 0;               ///< sum over the predictions of KL(stored || this)
  double kl_nats_max = 0;           ///< the largest of them
  std::uint64_t same_routing = 0;   ///< (token, layer) at which the same experts were chosen, in any order
};

struct PerplexityReport {
  TokenWindows windows;
  std::uint32_t layers = 0;  ///< that route
  std::uint32_t slabs = 0;
  std::uint32_t staging_slabs = 0;
  std::uint64_t resident_bytes = 0;    ///< weights that are no routed experts: the same for every format
  std::uint64_t kv_bytes = 0;          ///< of one format's run
  std::uint64_t activation_bytes = 0;  ///< of one format's run
  std::vector<FormatRow> rows;         ///< the stored format's first
  std::vector<std::string> left_out;   ///< a sentence for each format that cannot hold the experts
};

/// A mean over windows, which are all of one length, with its standard error: the sample deviation over the
/// root of the number of windows; NaN of a single one.
struct Estimate {
  double mean = 0;
  double standard_error = std::numeric_limits<double>::quiet_NaN();
};
[[nodiscard]] Estimate estimate(std::span<const double> values) noexcept;

/// Bits a predicted token.
[[nodiscard]] Estimate bits_per_token(const TokenWindows& windows, const FormatRow& row);
/// The same less the stored format's, window by window, so that what makes a window hard counts in neither.
[[nodiscard]] Estimate bits_more(const TokenWindows& windows, const FormatRow& row, const FormatRow& stored);
/// 2 to the bits a token.
[[nodiscard]] double perplexity(const TokenWindows& windows, const FormatRow& row);
[[nodiscard]] double kl_nats_mean(const TokenWindows& windows, const FormatRow& row) noexcept;
[[nodiscard]] double same_top_share(const TokenWindows& windows, const FormatRow& row) noexcept;
/// Of (token, layer), all tokens of all windows.
[[nodiscard]] double same_routing_share(const PerplexityReport& report, const FormatRow& row) noexcept;

}  // namespace prophet
