#include "bench/ledger/place.hpp"

namespace prophet::ledger {

std::uint32_t batch_of(const Place& place) {
  if (!place.batch) throw NoValue("no batch");
  return *place.batch;
}

const std::string& gpu_of(const Place& place) {
  if (place.gpu.empty()) throw NoValue("no GPU");
  return place.gpu;
}

}  // namespace prophet::ledger
