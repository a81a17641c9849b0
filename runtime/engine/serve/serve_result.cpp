#include "runtime/engine/serve/serve_result.hpp"

#include <algorithm>

namespace prophet {
namespace {

constexpr double quantiles[3] = {0.5, 0.9, 0.99};

double ratio(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}

}  // namespace

bool is_good(const ServedRequest& request, const ServeLimits& limits) noexcept {
  if (request.phase != RequestPhase::finished) return false;
  if (request.first_token_ns - request.arrival_ns > limits.first_token_ns) return false;
  const std::uint64_t gaps = request.output_tokens - 1;
  return request.last_token_ns - request.first_token_ns <= gaps * limits.between_tokens_ns;
}

ServeSummary summarise(const ServeResult& result, const ServeLimits& limits) {
  ServeSummary summary;
  std::vector<std::uint64_t> first;
  for (const ServedRequest& request : result.requests) {
    summary.finished += request.phase == RequestPhase::finished ? 1U : 0U;
    summary.refused += request.phase == RequestPhase::refused ? 1U : 0U;
    summary.good += is_good(request, limits) ? 1U : 0U;
    if (request.phase == RequestPhase::finished) first.push_back(request.first_token_ns - request.arrival_ns);
  }
  const std::uint64_t came_ns = result.requests.empty() ? 0 : result.requests.back().arrival_ns;
  summary.goodput_per_s = ratio(static_cast<double>(summary.good) * 1e9, static_cast<double>(came_ns));
  for (std::size_t q = 0; q < 3; ++q) {
    summary.first_token_ns[q] = quantile_ns(first, quantiles[q]);
    summary.between_tokens_ns[q] = quantile_ns(result.between_tokens_ns, quantiles[q]);
  }
  const LayerCounts decode = result.engine.decode().requests;
  summary.hit_rate =
      ratio(static_cast<double>(decode.hit_on_time + decode.hit_late), static_cast<double>(decode.requests));
  summary.prefix_hit_rate =
      ratio(static_cast<double>(result.prefix_tokens), static_cast<double>(result.prompt_tokens));
  const auto thousands = static_cast<double>(result.steps) / 1000;
  summary.moves_per_thousand_steps =
      ratio(static_cast<double>(result.moves.lent + result.moves.taken_back), thousands);
  summary.turns_per_thousand_steps = ratio(static_cast<double>(result.turns), thousands);
  return summary;
}

}  // namespace prophet
