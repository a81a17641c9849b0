#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "runtime/device/device.hpp"
#include "runtime/engine/live/perplexity_report.hpp"

namespace prophet {

/// Longer contexts are not filled unless a window is asked for.
inline constexpr std::uint32_t perplexity_window_default_max = 4096;

struct PerplexityOptions {
  /// Compared with the stored one, which always runs. Its like and repetitions are left out.
  std::vector<kernels::ExpertFormat> formats;
  bool skips_unfit_formats = false;  ///< a format that cannot hold the experts gets a sentence, not an Error
  std::uint32_t window_tokens = 0;   ///< 0: the model's context, at most perplexity_window_default_max
  std::uint32_t slabs = 0;           ///< of the cache; 0: one for every expert
  std::uint32_t pass_tokens_max = 256;
  kernels::FloatFormat kv_format = kernels::FloatFormat::fp32;
  /// Told of every window that a format has read; may be empty.
  std::function<void(kernels::ExpertFormat format, std::uint64_t done, std::uint64_t windows)> progress;
};

/// Reads a text in windows that do not overlap, teacher-forced, with the experts as they are stored and in
/// each of the formats, and scores every token of a window but its first. One format after the other reads
/// the text beside the stored one, which reads it again each time: host and device hold two formats and the
/// logits of one pass of each, whatever the text and the vocabulary, and what is always resident once.
///
/// Neither slabs nor the length of passes change a result on the cpu device (runtime/device/model_ops.hpp).
/// Throws Error{usage} for a text of less than two tokens, an id beyond the vocabulary, a window of less than
/// two tokens or beyond the context; Error{bad_input} for what is wrong with the model's files;
/// Error{out_of_memory} when the stored format and one other do not fit; Error{check_failed} for logits that
/// are not finite, naming format, window and position.
[[nodiscard]] PerplexityReport measure_perplexity(Device& device, const std::filesystem::path& folder,
                                                  std::span<const std::uint32_t> ids,
                                                  const PerplexityOptions& options);

/// The window that `window_tokens` stands for. Throws Error{usage} as above.
[[nodiscard]] std::uint32_t perplexity_window(std::uint32_t window_tokens, std::uint32_t context_tokens);

}  // namespace prophet
