#include "runtime/engine/miss_ways.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace prophet {
namespace {

/// How much there is of everything that a layer waits for.
struct Load {
  double host_ns = 0;  ///< on the host's cores, without the activations' way
  std::uint32_t copies = 0;
  std::uint32_t in_place = 0;
};

struct Ends {
  double link_ns = 0;
  double host_ns = 0;
};

/// When link and host are done with work that takes so long alone. Until the first of them is done each goes
/// at its share of its own rate.
Ends work_at_once(const MissCosts& costs, double link_ns, double host_ns) noexcept {
  const double link_slow_ns = link_ns * costs.copy_slowdown;
  const double host_slow_ns = host_ns * costs.host_slowdown;
  if (link_slow_ns <= host_slow_ns)
    return {link_slow_ns, link_slow_ns + host_ns - link_slow_ns / costs.host_slowdown};
  return {host_slow_ns + link_ns - host_slow_ns / costs.copy_slowdown, host_slow_ns};
}

double predict(const MissCosts& costs, const LayerMisses& misses, const Load& load) noexcept {
  // Whether it is copied or read in place, an expert's weights pass the link.
  const double link_ns =
      misses.link_busy_ns + costs.copy_ns * load.copies + costs.in_place_ns * load.in_place;
  const Ends ends = work_at_once(costs, link_ns, load.host_ns);
  const double on_device_ns = costs.resident_ns * misses.on_device;
  double end_ns = std::max(on_device_ns + costs.in_place_ns * load.in_place,
                           on_device_ns + costs.resident_ns * load.copies);
  if (load.copies > 0) end_ns = std::max(end_ns, ends.link_ns + costs.resident_ns);
  if (load.in_place > 0) end_ns = std::max(end_ns, ends.link_ns);
  if (load.host_ns > 0) end_ns = std::max(end_ns, ends.host_ns + costs.activations_ns);
  return end_ns;
}

}  // namespace

double predict_layer_ns(const MissCosts& costs, const LayerMisses& misses,
                        std::span<const MissWay> ways) noexcept {
  Load load;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    load.copies += ways[i] == MissWay::copy ? 1U : 0U;
    load.in_place += ways[i] == MissWay::in_place ? 1U : 0U;
    load.host_ns += ways[i] == MissWay::host ? costs.on_host_ns(misses.rows[i]) : 0.0;
  }
  return predict(costs, misses, load);
}

MissWays::MissWays(std::uint32_t experts_max) {
  order_.reserve(experts_max);
  ways_.reserve(experts_max);
}

namespace {

/// When the layer would be done with `load`, less what the copies are worth.
double price(const MissCosts& costs, const LayerMisses& misses, const Load& load) noexcept {
  return predict(costs, misses, load) - misses.copy_worth_ns * load.copies;
}

/// How many of `rest` experts, which the host does not take, are best read in place: the price first falls
/// and then rises with that number, but for a step at none and at all.
std::uint32_t best_in_place(const MissCosts& costs, const LayerMisses& misses, double host_ns,
                            std::uint32_t rest) noexcept {
  const auto price_of = [&](std::uint32_t in_place) {
    return price(costs, misses, {host_ns, rest - in_place, in_place});
  };
  std::uint32_t low = std::min(1U, rest);
  std::uint32_t high = rest == 0 ? 0 : rest - 1;
  while (low + 2 < high) {
    const std::uint32_t third = (high - low) / 3;
    if (price_of(low + third) <= price_of(high - third)) {
      high -= third;
    } else {
      low += third;
    }
  }
  std::uint32_t best = 0;
  for (std::uint32_t in_place = low; in_place <= high; ++in_place) {
    if (price_of(in_place) < price_of(best)) best = in_place;
  }
  return price_of(rest) < price_of(best) ? rest : best;
}

}  // namespace

std::span<const MissWay> MissWays::choose(const MissCosts& costs, const LayerMisses& misses) {
  const auto count = static_cast<std::uint32_t>(misses.rows.size());
  order_.resize(count);
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return misses.rows[a] != misses.rows[b] ? misses.rows[a] < misses.rows[b] : a < b;
  });
  double best_price = std::numeric_limits<double>::infinity();
  std::uint32_t best_on_host = 0;
  Load best;
  double host_ns = 0;
  for (std::uint32_t on_host = 0; on_host <= count; ++on_host) {
    if (on_host > 0) host_ns += costs.on_host_ns(misses.rows[order_[on_host - 1]]);
    const std::uint32_t rest = count - on_host;
    const std::uint32_t in_place = best_in_place(costs, misses, host_ns, rest);
    const Load load{host_ns, rest - in_place, in_place};
    const double found = price(costs, misses, load);
    if (found >= best_price) continue;
    best_price = found;
    best_on_host = on_host;
    best = load;
  }
  ways_.assign(count, MissWay::copy);
  for (std::uint32_t i = 0; i < best_on_host + best.in_place; ++i)
    ways_[order_[i]] = i < best_on_host ? MissWay::host : MissWay::in_place;
  return ways_;
}

}  // namespace prophet
