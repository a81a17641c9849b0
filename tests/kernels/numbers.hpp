#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"

namespace prophet::testing {

/// A fresh seed each run, printed; PROPHET_SEED repeats one.
inline std::uint64_t fresh_seed() {
  const char* given = std::getenv("PROPHET_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "PROPHET_SEED=" << seed << '\n';
  return seed;
}

/// `count` values uniform in [-1, 1).
inline std::vector<float> random_floats(Random& random, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(2 * random.uniform() - 1);
  return values;
}

/// Floats at a chosen distance, in bytes, from a 256-byte boundary.
class PlacedFloats {
 public:
  PlacedFloats(const std::vector<float>& values, std::size_t distance_bytes)
      : memory_(::operator new(values.size() * sizeof(float) + distance_bytes, alignment)),
        data_(reinterpret_cast<float*>(static_cast<std::byte*>(memory_) + distance_bytes)) {
    for (std::size_t i = 0; i < values.size(); ++i) data_[i] = values[i];
  }
  PlacedFloats(const PlacedFloats&) = delete;
  PlacedFloats& operator=(const PlacedFloats&) = delete;
  ~PlacedFloats() { ::operator delete(memory_, alignment); }

  [[nodiscard]] float* data() const { return data_; }

 private:
  static constexpr std::align_val_t alignment{256};
  void* memory_;
  float* data_;
};

}  // namespace prophet::testing
