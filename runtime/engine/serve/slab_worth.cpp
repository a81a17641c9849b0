#include "runtime/engine/serve/slab_worth.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {

SlabWorth::SlabWorth(const Options& options)
    : options_(options), decay_(std::exp2(-1 / options.half_life_steps)) {}

void SlabWorth::decoded(std::uint32_t batch, std::uint64_t context_tokens, std::uint64_t ns) noexcept {
  const double b = batch;
  const auto t = static_cast<double>(ns);
  passes_ += 1;
  pass_ns_ += t;
  decodes_ += 1;
  decode_ns_ += t;
  batch_ += b;
  batch_squared_ += b * b;
  batch_ns_ += b * t;
  context_tokens_ += static_cast<double>(context_tokens);
}

void SlabWorth::prefilled(std::uint64_t ns) noexcept {
  passes_ += 1;
  pass_ns_ += static_cast<double>(ns);
}

void SlabWorth::stepped(bool waits_for_pages, std::uint64_t lost_ns, std::uint64_t ns,
                        bool decoded) noexcept {
  steps_ += 1;
  decoding_steps_ += decoded ? 1 : 0;
  decoding_steps_ns_ += decoded ? static_cast<double>(ns) : 0;
  waiting_steps_ += waits_for_pages ? 1 : 0;
  lost_ns_ += static_cast<double>(lost_ns);
  for (double* sum :
       {&passes_, &pass_ns_, &decodes_, &decode_ns_, &batch_, &batch_squared_, &batch_ns_, &context_tokens_,
        &steps_, &decoding_steps_, &decoding_steps_ns_, &waiting_steps_, &lost_ns_}) {
    *sum *= decay_;
  }
}

/// Between nothing, when a larger batch costs no time, and the mean, when it gains none. The less the batch
/// has changed, the less can be said, and half of the mean stands for it.
double SlabWorth::step_growth() const noexcept {
  const double mean_batch = batch_ / decodes_;
  const double mean_ns = decode_ns_ / decodes_;
  const double variance = std::max(0.0, batch_squared_ / decodes_ - mean_batch * mean_batch);
  const double covariance = batch_ns_ / decodes_ - mean_batch * mean_ns;
  const double most = mean_ns / mean_batch;
  const double doubt = 0.05 * mean_batch * mean_batch;
  return std::clamp((covariance + doubt * most / 2) / (variance + doubt), 0.0, most);
}

double SlabWorth::kv_worth(std::uint32_t kv_slabs, double tokens_per_slab) const noexcept {
  if (steps_ == 0 || pass_ns_ == 0) return 0;
  double worth = lost_ns_ / pass_ns_ / std::max(1U, kv_slabs);
  if (decodes_ == 0 || context_tokens_ == 0) return worth + waiting_steps_ / steps_;
  const double mean_ns = decode_ns_ / decodes_;
  if (options_.step_ns_max != 0 && decoding_steps_ns_ > options_.step_ns_max * decoding_steps_) return worth;
  const double requests = tokens_per_slab * batch_ / context_tokens_;
  const double saved = decodes_ / batch_ - step_growth() / mean_ns;
  return worth + waiting_steps_ / steps_ * (decode_ns_ / pass_ns_) * requests * std::max(0.0, saved);
}

SlabValues SlabWorth::values(const RunningCurve& curve, std::uint32_t expert_slabs, std::uint32_t kv_slabs,
                             double tokens_per_slab) const noexcept {
  SlabValues values;
  if (passes_ == 0) return values;
  const double copies = options_.copy_ns * passes_ / pass_ns_;
  values.expert_gain = curve.gain_per_slab(expert_slabs, options_.span_slabs) * copies;
  values.expert_loss = curve.loss_per_slab(expert_slabs, options_.span_slabs) * copies;
  values.kv_gain = values.kv_loss = kv_worth(kv_slabs, tokens_per_slab);
  return values;
}

}  // namespace prophet
