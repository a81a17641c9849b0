#include "runtime/engine/serve/slab_worth.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {
namespace {

/// How far the copies of a larger batch are from those of tokens that choose independently (0) to those in
/// proportion to the batch (1). Tokens of one sequence choose alike, those of different ones do not, and a
/// cache that serves fewer sequences holds more of what they choose: docs/serving.md has the measurement.
constexpr double own_share = 0.5;

}  // namespace

SlabWorth::SlabWorth(const Options& options)
    : options_(options), decay_(std::exp2(-1 / options.half_life_steps)) {}

void SlabWorth::decoded(std::uint32_t batch, std::uint64_t missed, std::uint64_t ns) noexcept {
  decodes_ += 1;
  decode_ns_ += static_cast<double>(ns);
  batch_ += batch;
  missed_ += static_cast<double>(missed);
}

void SlabWorth::prefilled(std::uint32_t tokens, std::uint64_t ns) noexcept {
  prefills_ += 1;
  prefill_ns_ += static_cast<double>(ns);
  prefill_tokens_ += tokens;
}

void SlabWorth::stepped(std::uint64_t lost_ns, std::uint64_t ns, bool decoded) noexcept {
  decoding_steps_ += decoded ? 1 : 0;
  decoding_steps_ns_ += decoded ? static_cast<double>(ns) : 0;
  lost_ns_ += static_cast<double>(lost_ns);
  for (double* sum : {&decodes_, &decode_ns_, &batch_, &missed_, &prefills_, &prefill_ns_, &prefill_tokens_,
                      &decoding_steps_, &decoding_steps_ns_, &lost_ns_}) {
    *sum *= decay_;
  }
}

/// How many times as often as the curve says, decode passes have missed.
double SlabWorth::corrected(const RunningCurve& curve, std::uint32_t slabs) const noexcept {
  constexpr double doubt = 1;  // a miss a pass on either side: few say little
  if (decodes_ == 0) return 1;
  return (missed_ / decodes_ + doubt) / (curve.misses(batch_ / decodes_, slabs) + doubt);
}

/// Of all passes that are remembered, with so many slabs.
double SlabWorth::copies_ns(const RunningCurve& curve, std::uint32_t slabs,
                            double correction) const noexcept {
  double copies = 0;
  if (decodes_ > 0) copies += correction * decodes_ * curve.misses(batch_ / decodes_, slabs);
  if (prefills_ > 0) copies += prefills_ * curve.misses(prefill_tokens_ / prefills_, slabs);
  return copies * options_.copy_ns;
}

/// Share of a decode pass's time that a token takes less when so many requests more share the pass, or, with
/// fewer of them, more.
double SlabWorth::saved_by(const RunningCurve& curve, std::uint32_t slabs, double requests,
                           double correction) const noexcept {
  const double batch = batch_ / decodes_;
  const double changed = std::max(batch + requests, batch / 2);
  const double pass_ns = decode_ns_ / decodes_;
  const double alike = correction * (curve.misses(changed, slabs) - curve.misses(batch, slabs));
  const double own = missed_ / decodes_ * (changed / batch - 1);
  const double more = alike + own_share * (own - alike);
  const double changed_ns = std::max(0.0, pass_ns + more * options_.copy_ns);
  return 1 - changed_ns / changed / (pass_ns / batch);
}

SlabValues SlabWorth::values(const RunningCurve& curve, const SlabQuestion& question) const noexcept {
  SlabValues values;
  const double ns = decode_ns_ + prefill_ns_;
  if (ns == 0) return values;
  const std::uint32_t span = options_.span_slabs;
  const std::uint32_t fewer = std::min(span, question.expert_slabs);
  const double correction = corrected(curve, question.expert_slabs);
  const auto with = [&](std::uint32_t slabs) { return copies_ns(curve, slabs, correction); };
  const double now_ns = with(question.expert_slabs);
  values.expert_gain = (now_ns - with(question.expert_slabs + span)) / ns / span;
  if (fewer > 0) values.expert_loss = (with(question.expert_slabs - fewer) - now_ns) / ns / fewer;

  values.kv_gain = values.kv_loss = lost_ns_ / ns / std::max(1U, question.kv_slabs);
  if (decodes_ == 0) return values;
  if (options_.step_ns_max != 0 && decoding_steps_ns_ > options_.step_ns_max * decoding_steps_) return values;
  const double requests = span * question.requests_per_slab;
  const double share = decode_ns_ / ns / span;
  const auto saved = [&](double more) {
    return share * saved_by(curve, question.expert_slabs, more, correction);
  };
  values.kv_gain += std::max(0.0, saved(std::min(requests, static_cast<double>(question.waiting))));
  values.kv_loss += std::max(0.0, -saved(-requests));
  return values;
}

}  // namespace prophet
