#include "bench/ledger/claim.hpp"

#include <cmath>

namespace prophet::ledger {

double printed_precision(const Claim& claim) {
  const std::size_t point = claim.printed.find('.');
  const std::size_t decimals = point == std::string::npos ? 0 : claim.printed.size() - point - 1;
  return std::pow(10.0, -static_cast<double>(decimals)) / 2;
}

}  // namespace prophet::ledger
