#include "runtime/device/sim/shared_rates.hpp"

#include <algorithm>
#include <cmath>

namespace prophet::sim {
namespace {

constexpr std::size_t compute = static_cast<std::size_t>(Engine::compute);
constexpr std::size_t copy_up = static_cast<std::size_t>(Engine::copy_up);
constexpr std::size_t copy_down = static_cast<std::size_t>(Engine::copy_down);
constexpr std::size_t host = static_cast<std::size_t>(Engine::host);

std::uint64_t fixed_rate(double share) {
  const auto rate = std::llround(share * static_cast<double>(SharedRates::full_rate));
  return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rate), 1, SharedRates::full_rate);
}

/// Shares of their own rates, by engine.
std::array<double, engines> shares_of(const GpuProfile& profile, const SharedRates::Running& running) {
  std::array<double, engines> share{1, 1, 1, 1};
  const double link = profile.link_bytes_per_s;
  double leaving = running.engine[copy_up] ? link : 0;
  if (running.in_place) {
    const double both = running.engine[copy_up] ? link / (link + profile.zero_copy_bytes_per_s) : 1;
    share[compute] = share[copy_up] = both;
    leaving = running.engine[copy_up] ? link : profile.zero_copy_bytes_per_s;
  } else if (running.engine[compute] && running.engine[copy_up]) {
    share[compute] = profile.compute_rate_while_copying;
    share[copy_up] = profile.copy_rate_while_computing;
  }
  if (!running.engine[host]) return share;
  const double memory = profile.host_memory_bytes_per_s;
  const double of_memory = memory / (memory + leaving);
  share[host] = of_memory;
  share[copy_up] *= of_memory;
  if (running.in_place) share[compute] *= of_memory;
  return share;
}

}  // namespace

std::size_t SharedRates::index_of(const Running& running) noexcept {
  return (running.engine[compute] ? 1U : 0U) | (running.engine[copy_up] ? 2U : 0U) |
         (running.engine[host] ? 4U : 0U) | (running.in_place ? 8U : 0U);
}

SharedRates::SharedRates(const GpuProfile& profile) {
  for (std::size_t state = 0; state < states; ++state) {
    Running running;
    running.engine[compute] = (state & 1U) != 0;
    running.engine[copy_up] = (state & 2U) != 0;
    running.engine[copy_down] = true;
    running.engine[host] = (state & 4U) != 0;
    running.in_place = (state & 8U) != 0;
    const std::array<double, engines> share = shares_of(profile, running);
    for (std::size_t e = 0; e < engines; ++e) rates_[state][e] = fixed_rate(share[e]);
  }
}

}  // namespace prophet::sim
