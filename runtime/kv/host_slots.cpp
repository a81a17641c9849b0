#include "runtime/kv/host_slots.hpp"

#include <cassert>

namespace prophet {

HostSlots::HostSlots(std::uint32_t slots) : below_(slots), free_count_(slots) {
  for (std::uint32_t s = slots; s-- > 0;) {
    below_[s] = free_;
    free_ = HostSlotId{s};
  }
}

HostSlotId HostSlots::push(HostSlotId& chain) noexcept {
  assert(free_ != no_host_slot);
  const HostSlotId slot = free_;
  free_ = below_[slot.index()];
  below_[slot.index()] = chain;
  chain = slot;
  --free_count_;
  return slot;
}

HostSlotId HostSlots::pop(HostSlotId& chain) noexcept {
  assert(chain != no_host_slot);
  const HostSlotId slot = chain;
  chain = below_[slot.index()];
  below_[slot.index()] = free_;
  free_ = slot;
  ++free_count_;
  return slot;
}

}  // namespace prophet
