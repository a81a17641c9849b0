#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace prophet::sim_test {

/// A new seed each run, printed; PROPHET_SEED repeats one.
inline std::uint64_t fresh_seed() {
  const char* given = std::getenv("PROPHET_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "PROPHET_SEED=" << seed << '\n';
  return seed;
}

}  // namespace prophet::sim_test
