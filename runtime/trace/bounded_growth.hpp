#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace prophet {

/// Makes room for `more` elements in a vector that a file claims will hold `claimed` in the end.
///
/// The claim is believed in steps of eight, so that a small file cannot make the reader take gigabytes; and
/// the steps are fractions of the claim, so that the last copy from old storage to new needs at most 9/8 of
/// it.
template <class T>
void grow_towards(std::vector<T>& values, std::uint64_t claimed, std::size_t more) {
  constexpr std::uint64_t trusted_bytes = 8U << 20;
  const std::uint64_t needed = values.size() + more;
  if (needed <= values.capacity()) return;
  std::uint64_t step = claimed;
  while (step / 8 >= needed && step * sizeof(T) > trusted_bytes) step /= 8;
  values.reserve(static_cast<std::size_t>(std::max(step, needed)));
}

}  // namespace prophet
