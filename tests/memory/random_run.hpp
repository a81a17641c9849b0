#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace prophet::testing_support {

/// A fresh seed, or PROPHET_SEED where that is set. Printed, so that a failure can be repeated.
inline std::uint64_t fresh_seed() {
  const char* const fixed = std::getenv("PROPHET_SEED");
  std::random_device device;
  const std::uint64_t seed =
      fixed != nullptr ? std::stoull(fixed) : (std::uint64_t{device()} << 32 | std::uint64_t{device()});
  std::cout << "PROPHET_SEED=" << seed << '\n';
  return seed;
}

/// How many random operations to run: `usual`, times PROPHET_TEST_SCALE (sanitizer builds ask for less),
/// times 100 when PROPHET_LONG is set.
inline std::uint64_t random_operations(std::uint64_t usual) {
  const char* const scale = std::getenv("PROPHET_TEST_SCALE");
  const double factor =
      (scale != nullptr ? std::stod(scale) : 1.0) * (std::getenv("PROPHET_LONG") != nullptr ? 100.0 : 1.0);
  return 1 + static_cast<std::uint64_t>(static_cast<double>(usual) * factor);
}

}  // namespace prophet::testing_support
