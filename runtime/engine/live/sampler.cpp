#include "runtime/engine/live/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// Odd; spreads the sequences' numbers over all seeds.
constexpr std::uint64_t sequence_step = 0x9e3779b97f4a7c15ULL;

[[noreturn]] void refuse_logits(std::size_t vocab) {
  throw Error(ErrorCode::check_failed,
              fmt::format("sampling: none of {} logits is a finite number, expected a model's", vocab));
}

}  // namespace

void check_sampling(const Sampling& sampling) {
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature)) {
    throw Error(ErrorCode::usage,
                fmt::format("--temperature {}: expected 0 (greedy) or more", sampling.temperature));
  }
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
    throw Error(ErrorCode::usage, fmt::format("--top-p {}: expected a number in (0, 1]", sampling.top_p));
  }
}

std::uint32_t most_probable(std::span<const float> logits) {
  std::size_t best = logits.size();
  for (std::size_t t = 0; t < logits.size(); ++t) {
    if (!std::isfinite(logits[t])) continue;
    if (best == logits.size() || logits[t] > logits[best]) best = t;
  }
  if (best == logits.size()) refuse_logits(logits.size());
  return static_cast<std::uint32_t>(best);
}

Sampler::Sampler(const Sampling& sampling, std::uint64_t sequence)
    : sampling_(sampling), random_(sampling.seed ^ (sequence_step * (sequence + 1))) {}

std::uint32_t Sampler::next(std::span<const float> logits) {
  return sampling_.temperature == 0 ? most_probable(logits) : draw(logits);
}

std::uint32_t Sampler::draw(std::span<const float> logits) {
  collect(logits);
  keep_top_k();
  const double largest = candidates_.front().weight;
  for (Candidate& c : candidates_) c.weight = std::exp((c.weight - largest) / sampling_.temperature);
  keep_top_p();
  double sum = 0;
  for (const Candidate& c : candidates_) sum += c.weight;
  double left = random_.uniform() * sum;
  for (const Candidate& c : candidates_) {
    left -= c.weight;
    if (left < 0) return c.token;
  }
  return candidates_.back().token;
}

/// All finite logits, the largest first.
void Sampler::collect(std::span<const float> logits) {
  candidates_.clear();
  candidates_.reserve(logits.size());
  for (std::size_t t = 0; t < logits.size(); ++t) {
    if (std::isfinite(logits[t])) candidates_.push_back({static_cast<std::uint32_t>(t), logits[t]});
  }
  if (candidates_.empty()) refuse_logits(logits.size());
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
  });
}

void Sampler::keep_top_k() {
  if (sampling_.top_k != 0 && sampling_.top_k < candidates_.size()) candidates_.resize(sampling_.top_k);
}

void Sampler::keep_top_p() {
  if (sampling_.top_p == 1) return;
  double sum = 0;
  for (const Candidate& c : candidates_) sum += c.weight;
  double reached = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && reached < sampling_.top_p * sum) reached += candidates_[kept++].weight;
  candidates_.resize(std::max<std::size_t>(1, kept));
}

}  // namespace prophet
