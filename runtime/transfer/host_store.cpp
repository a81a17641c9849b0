#include "runtime/transfer/host_store.hpp"

#include <cstring>

#include "kernels/checksum.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/base/random.hpp"
#include "runtime/memory/arena.hpp"

namespace prophet {

HostStore::HostStore(Device& device, ExpertGrid grid, std::uint64_t expert_bytes, const ExpertFiller& fill)
    : expert_bytes_(expert_bytes),
      stride_bytes_(checked_round_up(expert_bytes, Arena::default_alignment_bytes, "expert bytes")),
      buffer_(device, MemoryKind::host_pinned, checked_mul(stride_bytes_, grid.size(), "host store bytes")),
      checksums_(grid.size(), 0) {
  if (!device.info().has_bytes) return;
  for (std::uint32_t e = 0; e < grid.size(); ++e) {
    const std::span<std::byte> bytes = device.host_bytes(expert(ExpertIndex{e}));
    fill(ExpertIndex{e}, bytes);
    checksums_[e] = kernels::checksum(bytes);
  }
}

ExpertFiller random_weights(std::uint64_t seed, float scale) {
  return [seed, scale](ExpertIndex expert, std::span<std::byte> bytes) {
    Random random(seed ^ (0x9e3779b97f4a7c15ULL * (expert.value + 1ULL)));
    std::size_t at = 0;
    for (; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
      const float value = scale * static_cast<float>(2.0 * random.uniform() - 1.0);
      std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    std::memset(bytes.data() + at, 0, bytes.size() - at);
  };
}

}  // namespace prophet
