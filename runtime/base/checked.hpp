#pragma once

#include <cstdint>
#include <string_view>

namespace prophet {

/// Arithmetic on sizes that come from outside. Each throws Error{bad_input} naming `what` when the result
/// does not fit 64 bits; `what` is a phrase such as "expert bytes".
[[nodiscard]] std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, std::string_view what);
[[nodiscard]] std::uint64_t checked_mul(std::uint64_t a, std::uint64_t b, std::string_view what);

/// `value` rounded up to a multiple of `unit`; `unit` is not 0.
[[nodiscard]] std::uint64_t checked_round_up(std::uint64_t value, std::uint64_t unit, std::string_view what);

[[nodiscard]] constexpr std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) noexcept {
  return a / b + static_cast<std::uint64_t>(a % b != 0);
}

}  // namespace prophet
