#include "runtime/base/checked.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"

namespace prophet {

std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, std::string_view what) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    throw Error(ErrorCode::bad_input, fmt::format("{}: {} + {} does not fit 64 bits", what, a, b));
  }
  return sum;
}

std::uint64_t checked_mul(std::uint64_t a, std::uint64_t b, std::string_view what) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw Error(ErrorCode::bad_input, fmt::format("{}: {} * {} does not fit 64 bits", what, a, b));
  }
  return product;
}

std::uint64_t checked_round_up(std::uint64_t value, std::uint64_t unit, std::string_view what) {
  return checked_mul(ceil_div(value, unit), unit, what);
}

}  // namespace prophet
