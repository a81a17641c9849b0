#include "runtime/cache/make_policy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "prophet/error.hpp"
#include "runtime/cache/arc.hpp"
#include "runtime/cache/belady.hpp"
#include "runtime/cache/forecast_policy.hpp"
#include "runtime/cache/least_stale.hpp"
#include "runtime/cache/lfu.hpp"
#include "runtime/cache/lru.hpp"
#include "runtime/cache/slru.hpp"
#include "runtime/cache/static_policy.hpp"

namespace prophet {
namespace {

using Made = std::unique_ptr<EvictionPolicy>;

void require(bool holds, const std::string& sentence) {
  if (!holds) throw Error(ErrorCode::usage, sentence);
}

Made make_lru(const PolicyOptions& options) {
  return std::make_unique<LruPolicy>(options.grid);
}

Made make_lfu(const PolicyOptions& options) {
  const double asked = options.lfu_half_life_steps;
  require(std::isfinite(asked) && asked >= 0,
          fmt::format("policy lfu: a half-life of {} steps is not a positive number", asked));
  return std::make_unique<LfuPolicy>(options.grid, asked > 0 ? asked : LfuPolicy::default_half_life_steps);
}

Made make_slru(const PolicyOptions& options) {
  return std::make_unique<SlruPolicy>(options.grid, options.cache_slabs);
}

Made make_arc(const PolicyOptions& options) {
  return std::make_unique<ArcPolicy>(options.grid, options.cache_slabs);
}

Made make_least_stale(const PolicyOptions& options) {
  return std::make_unique<LeastStalePolicy>(options.grid);
}

Made make_static(const PolicyOptions& options) {
  require(options.popularity.size() == options.grid.size(),
          fmt::format("policy static: popularity of {} experts was given, that of all {} is needed",
                      options.popularity.size(), options.grid.size()));
  return std::make_unique<StaticPolicy>(options.grid, options.popularity);
}

Made make_forecast(const PolicyOptions& options) {
  return std::make_unique<ForecastPolicy>(options.grid);
}

Made make_one_step(const PolicyOptions& options) {
  return std::make_unique<ForecastPolicy>(options.grid, "one-step");
}

Made make_belady(const PolicyOptions& options) {
  require(options.future != nullptr, "policy belady: the requests to come are needed and were not given");
  const ExpertGrid grid = options.future->grid;
  require(grid == options.grid,
          fmt::format("policy belady: the requests to come are of {} x {} experts, the cache is of {} x {}",
                      grid.layers, grid.experts, options.grid.layers, options.grid.experts));
  return std::make_unique<BeladyPolicy>(*options.future);
}

/// What a policy knows of the routing to come, which a run cannot.
enum class Foresight : std::uint8_t { none, next_turn, all };

struct Entry {
  std::string_view name;
  bool needs_training;
  Foresight foresight;
  Made (*make)(const PolicyOptions&);
};

constexpr std::array policies{
    Entry{"lru", false, Foresight::none, make_lru},
    Entry{"lfu", false, Foresight::none, make_lfu},
    Entry{"slru", false, Foresight::none, make_slru},
    Entry{"arc", false, Foresight::none, make_arc},
    Entry{"least-stale", false, Foresight::none, make_least_stale},
    Entry{"static", true, Foresight::none, make_static},
    Entry{"forecast", true, Foresight::none, make_forecast},
    Entry{"one-step", true, Foresight::next_turn, make_one_step},
    Entry{"belady", false, Foresight::all, make_belady},
};

const Entry* find(std::string_view name) {
  for (const Entry& entry : policies) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const Entry& entry : policies) names.emplace_back(entry.name);
  return names;
}

bool policy_needs_training(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->needs_training;
}

bool policy_knows_next_turn(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->foresight == Foresight::next_turn;
}

bool policy_is_bound(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->foresight != Foresight::none;
}

std::unique_ptr<EvictionPolicy> make_policy(std::string_view name, const PolicyOptions& options) {
  require(options.cache_slabs >= 1, fmt::format("policy {}: 0 cache slabs, at least 1 is needed", name));
  if (const Entry* const entry = find(name); entry != nullptr) return entry->make(options);
  throw Error(ErrorCode::usage,
              fmt::format("policy {} is unknown; known are {}", name, fmt::join(policy_names(), ", ")));
}

}  // namespace prophet
