#include "bench/measure/roofline.hpp"

#include <algorithm>
#include <cctype>

namespace prophet::measure {
namespace {

/// The rate of the units that bound the operations.
double operations_per_s(OperationsOn units, const kernels::ExpertRates& rates) {
  if (units == OperationsOn::vector) return rates.vector_flops_per_s;
  return rates.matrix_flops_per_s;
}

/// As a word of its own: neither GH200 nor A1000 is an H200 or an A100.
bool has_word(const std::string& name, const std::string& word) {
  const auto at = name.find(word);
  const auto is_part = [&](std::size_t place) {
    return place < name.size() && std::isalnum(static_cast<unsigned char>(name[place])) != 0;
  };
  return at != std::string::npos && (at == 0 || !is_part(at - 1)) && !is_part(at + word.size());
}

}  // namespace

std::optional<double> bound_ns(const Work& work, const kernels::ExpertRates& rates) {
  if (!(rates.memory_bytes_per_s > 0)) return std::nullopt;
  const double memory_s = work.bytes / rates.memory_bytes_per_s;
  if (work.units == OperationsOn::no_bound) return memory_s * 1e9;
  const double rate = operations_per_s(work.units, rates);
  if (!(rate > 0)) return std::nullopt;
  return std::max(memory_s, work.operations / rate) * 1e9;
}

std::optional<std::string> profile_of_gpu(const std::string& name, std::uint64_t memory_bytes) {
  constexpr std::uint64_t gib = 1ULL << 30;
  for (const char* other : {"PCIe", "PCIE", "NVL"}) {
    if (name.find(other) != std::string::npos) return std::nullopt;
  }
  if (has_word(name, "H200")) return "h200";
  if (has_word(name, "H100"))
    return memory_bytes > 70 * gib ? std::optional<std::string>("h100-80gb") : std::nullopt;
  if (has_word(name, "A100")) return memory_bytes > 60 * gib ? "a100-80gb" : "a100-40gb";
  if (has_word(name, "V100"))
    return memory_bytes > 24 * gib ? std::optional<std::string>("v100-32gb") : std::nullopt;
  return std::nullopt;
}

}  // namespace prophet::measure
