#include "runtime/engine/serve/kv_boundary.hpp"

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// What `move` says; false when the device has not the memory for it.
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
  const bool lent = unless_refused(moves_.failed, [&] { return kv_.lend(); });
  moves_.lent += lent ? 1U : 0U;
  return lent;
}

bool KvBoundary::take_back() {
  const bool taken = unless_refused(moves_.failed, [&] { return kv_.take_back(); });
  moves_.taken_back += taken ? 1U : 0U;
  return taken;
}

void KvBoundary::pump() {
  (void)unless_refused(moves_.failed, [&] {
    kv_.pump();
    return true;
  });
}

BoundaryMoves KvBoundary::moves() const noexcept {
  BoundaryMoves moves = moves_;
  moves.pages_moved = kv_.moved_pages();
  return moves;
}

}  // namespace prophet
