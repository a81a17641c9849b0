#include "runtime/engine/live/perplexity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/engine/live/expert_loader.hpp"
#include "runtime/engine/live/loaded_format.hpp"
#include "runtime/engine/live/token_scores.hpp"

namespace prophet {
namespace {

/// Of one format's pass, on host and device each.
constexpr std::uint64_t logits_bytes_max = 64ULL << 20;

void check_ids(std::span<const std::uint32_t> ids, std::uint32_t vocab) {
  if (ids.size() < 2) {
    throw Error(ErrorCode::usage,
                fmt::format("a text of {} tokens: expected at least 2, one to begin with and one to predict",
                            ids.size()));
  }
  const auto beyond = std::find_if(ids.begin(), ids.end(), [&](std::uint32_t id) { return id >= vocab; });
  if (beyond == ids.end()) return;
  throw Error(ErrorCode::usage, fmt::format("token {} of the text has id {}: expected one below {}",
                                            beyond - ids.begin(), *beyond, vocab));
}

/// One text through all formats.
class Measurement {
 public:
  Measurement(Device& device, const std::filesystem::path& folder, std::span<const std::uint32_t> ids,
              const PerplexityOptions& options)
      : device_(device),
        options_(options),
        ids_(ids),
        config_(load_decoder_config(folder)),
        window_tokens_(perplexity_window(options.window_tokens, config_.architecture.context_tokens)) {
    check_ids(ids, config_.architecture.vocab_size);
    report_.windows = cut_windows(ids.size(), window_tokens_);
    report_.layers = config_.shape.grid.layers;
    const std::uint32_t experts = config_.shape.grid.size();
    report_.slabs = options.slabs == 0 ? experts : std::min(options.slabs, experts);
    report_.staging_slabs = report_.slabs == experts ? 0 : config_.architecture.top_k;
    checkpoint_ = std::make_unique<Checkpoint>(folder);
    choose_layouts();
    weights_ = std::make_unique<DecoderWeights>(device, *checkpoint_, config_);
  }

  PerplexityReport run() {
    const std::unique_ptr<LoadedFormat> stored = load(layouts_.front());
    report_.resident_bytes = weights_->bytes();
    report_.kv_bytes = stored->kv_bytes();
    report_.activation_bytes = stored->model_bytes() - stored->kv_bytes() - weights_->bytes();
    add_row(*stored);
    if (layouts_.size() == 1) read_text(*stored, nullptr);
    for (std::size_t f = 1; f < layouts_.size(); ++f) {
      const std::unique_ptr<LoadedFormat> other = load(layouts_[f]);
      add_row(*other);
      read_text(*stored, other.get());
    }
    return std::move(report_);
  }

 private:
  void choose_layouts() {
    layouts_.push_back(live_expert_layout(*checkpoint_, config_, std::nullopt));
    for (const kernels::ExpertFormat format : options_.formats) {
      const bool is_there = std::any_of(layouts_.begin(), layouts_.end(),
                                        [&](const auto& layout) { return layout.shape.format == format; });
      if (is_there) continue;
      try {
        layouts_.push_back(live_expert_layout(*checkpoint_, config_, format));
      } catch (const Error& error) {
        if (!options_.skips_unfit_formats) throw;
        report_.left_out.push_back(
            fmt::format("{} is left out: {}", expert_format_name(format), error.what()));
      }
    }
  }

  std::unique_ptr<LoadedFormat> load(const kernels::SlabLayout& layout) {
    LoadedFormatOptions options;
    options.cache = {report_.slabs, report_.staging_slabs};
    options.context_tokens = report_.windows.tokens;
    options.pass_tokens = pass_tokens();
    options.kv_format = options_.kv_format;
    return std::make_unique<LoadedFormat>(SharedModel{device_, *checkpoint_, config_, *weights_}, layout,
                                          options);
  }

  [[nodiscard]] std::uint32_t pass_tokens() const {
    const std::uint64_t rows = logits_bytes_max / (sizeof(float) * config_.architecture.vocab_size);
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(rows, 1, std::min(options_.pass_tokens_max, report_.windows.tokens)));
  }

  void add_row(const LoadedFormat& format) {
    FormatRow row;
    row.format = format.layout().shape.format;
    row.stored = report_.rows.empty();
    row.expert_bytes = format.layout().size_bytes;
    row.slab_bytes = format.slab_bytes();
    row.all_experts_bytes = Arena::plan(row.expert_bytes, config_.shape.grid.size()).total_bytes();
    row.window_nats.assign(report_.windows.count, 0.0);
    report_.rows.push_back(std::move(row));
  }

  /// The last row is the other format's, null for none. The stored format is scored beside the first other
  /// alone: it does the same beside every one.
  void read_text(LoadedFormat& stored, LoadedFormat* other) {
    const TokenWindows& windows = report_.windows;
    const bool is_first = report_.rows.size() <= 2;
    const std::uint32_t pass = pass_tokens();
    for (std::uint64_t w = 0; w < windows.count; ++w) {
      for (std::uint32_t position = 0; position < windows.tokens; position += pass) {
        const auto tokens =
            ids_.subspan(w * windows.tokens + position, std::min(pass, windows.tokens - position));
        stored.read(tokens, position);
        if (is_first) score(report_.rows.front(), stored, stored, w, position);
        if (other == nullptr) continue;
        other->read(tokens, position);
        score(report_.rows.back(), *other, stored, w, position);
      }
      if (options_.progress) options_.progress(report_.rows.back().format, w + 1, windows.count);
    }
  }

  /// One pass that both have read.
  void score(FormatRow& row, LoadedFormat& format, LoadedFormat& stored, std::uint64_t window,
             std::uint32_t first) const {
    count_routing(row, format.chosen(), stored.chosen());
    const std::uint32_t vocab = config_.architecture.vocab_size;
    const std::span<const float> logits = format.logits();
    const std::span<const float> stored_logits = stored.logits();
    const auto tokens = static_cast<std::uint32_t>(logits.size() / vocab);
    for (std::uint32_t t = 0; t < tokens && first + t + 1 < report_.windows.tokens; ++t) {
      const TokenDistribution found(logits.subspan(std::size_t{t} * vocab, vocab));
      const TokenDistribution expected(stored_logits.subspan(std::size_t{t} * vocab, vocab));
      if (!found.finite()) refuse(row, window, first + t);
      const std::uint32_t next = ids_[window * report_.windows.tokens + first + t + 1];
      row.window_nats[window] -= found.log_probability(next);
      row.same_top += static_cast<std::uint64_t>(found.most_probable() == expected.most_probable());
      const double kl_nats = expected.kl_divergence(found);
      row.kl_nats += kl_nats;
      row.kl_nats_max = std::max(row.kl_nats_max, kl_nats);
    }
  }

  void count_routing(FormatRow& row, std::span<const ExpertId> found,
                     std::span<const ExpertId> expected) const {
    const std::uint32_t top_k = config_.architecture.top_k;
    for (std::size_t at = 0; at < found.size(); at += top_k) {
      row.same_routing +=
          static_cast<std::uint64_t>(std::equal(found.begin() + static_cast<std::ptrdiff_t>(at),
                                                found.begin() + static_cast<std::ptrdiff_t>(at + top_k),
                                                expected.begin() + static_cast<std::ptrdiff_t>(at)));
    }
  }

  [[noreturn]] static void refuse(const FormatRow& row, std::uint64_t window, std::uint32_t position) {
    throw Error(
        ErrorCode::check_failed,
        fmt::format("{} experts: a logit at position {} of window {} is not finite, expected that all "
                    "are",
                    expert_format_name(row.format), position, window));
  }

  Device& device_;
  const PerplexityOptions& options_;
  std::span<const std::uint32_t> ids_;
  DecoderConfig config_;
  std::uint32_t window_tokens_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<kernels::SlabLayout> layouts_;  ///< the stored one first
  std::unique_ptr<DecoderWeights> weights_;
  PerplexityReport report_;
};

}  // namespace

std::uint32_t perplexity_window(std::uint32_t window_tokens, std::uint32_t context_tokens) {
  if (window_tokens == 0) return std::min(context_tokens, perplexity_window_default_max);
  if (window_tokens >= 2 && window_tokens <= context_tokens) return window_tokens;
  throw Error(ErrorCode::usage, fmt::format("a window of {} tokens: expected 2 to {}, the model's context",
                                            window_tokens, context_tokens));
}

PerplexityReport measure_perplexity(Device& device, const std::filesystem::path& folder,
                                    std::span<const std::uint32_t> ids, const PerplexityOptions& options) {
  if (!device.info().has_bytes) {
    throw Error(ErrorCode::usage,
                fmt::format("{} moves no bytes and computes nothing: expected the device cpu or cuda",
                            device.info().name));
  }
  return Measurement(device, folder, ids, options).run();
}

}  // namespace prophet
