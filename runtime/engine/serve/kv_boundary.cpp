#include "runtime/engine/serve/kv_boundary.hpp"

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// Runs `move`; false when the device has not the memory for it.
template <class Move>
bool unless_refused(std::uint64_t& failed, Move&& move) {
  try {
    return move();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    ++failed;
    return false;
  }
}

}  // namespace

bool KvBoundary::lend() {
  return unless_refused(moves_.failed, [&] {
    const std::optional<SlabId> slab = loop_.lend_slab();
    if (!slab) return false;
    kv_.add_slab(*slab);
    ++moves_.lent;
    return true;
  });
}

bool KvBoundary::take_back() {
  return unless_refused(moves_.failed, [&] {
    const auto plan = kv_.plan_removal();
    if (!plan) return false;
    const std::size_t pages = plan->moves.size();
    copy_pages(plan->moves);
    loop_.take_back_slab(plan->slab);
    kv_.give_up(*plan);
    moves_.pages_moved += pages;
    ++moves_.taken_back;
    return true;
  });
}

void KvBoundary::copy_pages(std::span<const KvMove> moves) {
  const BufferView arena = loop_.slabs().bytes();
  for (const KvMove& move : moves) {
    device_.copy(loop_.compute_stream(), arena.slice(move.to_bytes, kv_.page_bytes()),
                 arena.slice(move.from_bytes, kv_.page_bytes()), move.to_bytes / kv_.page_bytes());
  }
}

}  // namespace prophet
