#include "bench/headroom/placement.hpp"

#include <algorithm>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/engine/step_workspace.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

/// False when the device has no room. Nothing is allocated of 0 bytes.
bool try_allocate(Device& device, std::uint64_t size_bytes, Buffer& place) {
  if (size_bytes == 0) return true;
  try {
    place = Buffer(device, MemoryKind::device, size_bytes);
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    return false;
  }
}

}  // namespace

FixedSizes fixed_sizes(const HeadroomQuestion& question, std::uint64_t page_bytes,
                       std::uint64_t usable_bytes) {
  FixedSizes sizes;
  sizes.weights_bytes = non_expert_bytes(question.model, question.model.dtype);
  sizes.predictor_bytes = question.predictor_bytes;
  sizes.workspace_bytes = step_workspace_bytes(question.model, question.step_tokens, question.batch);
  const std::uint64_t pages_max = std::max<std::uint64_t>(1, usable_bytes / page_bytes);
  sizes.block_table_bytes = checked_mul(pages_max, sizeof(std::uint32_t), "block tables");
  return sizes;
}

Placement::Placement(Device& device, const FixedSizes& sizes, std::uint64_t expert_bytes,
                     std::uint32_t slabs_wanted, std::uint64_t usable_bytes) {
  const std::uint64_t stride_bytes = Arena::plan(expert_bytes, 1).stride_bytes;
  if (place_fixed(device, sizes)) {
    const std::uint64_t left = usable_bytes - std::min(usable_bytes, sizes.total_bytes());
    const auto most =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(left / stride_bytes, limits::slabs_max));
    place_arena(device, expert_bytes, std::max<std::uint32_t>(slabs_wanted, 1), most);
  }
  if (placed()) return;
  for (Buffer* const buffer : {&weights_, &predictor_, &workspace_, &block_tables_}) *buffer = Buffer();
}

bool Placement::place_fixed(Device& device, const FixedSizes& sizes) {
  return try_allocate(device, sizes.weights_bytes, weights_) &&
         try_allocate(device, sizes.predictor_bytes, predictor_) &&
         try_allocate(device, sizes.workspace_bytes, workspace_) &&
         try_allocate(device, sizes.block_table_bytes, block_tables_);
}

/// The largest that is granted between `least` and `most` slabs, by halving what is between one that was and
/// one that was not.
void Placement::place_arena(Device& device, std::uint64_t expert_bytes, std::uint32_t least,
                            std::uint32_t most) {
  if (most < least || try_slabs(device, expert_bytes, most)) return;
  if (!try_slabs(device, expert_bytes, least)) return;
  std::uint32_t granted = least;
  std::uint32_t refused = most;
  while (granted + 1 < refused) {
    const std::uint32_t between = granted + (refused - granted) / 2;
    memory_ = Buffer();
    (try_slabs(device, expert_bytes, between) ? granted : refused) = between;
  }
  if (arena_->slabs == granted && memory_.view().size_bytes == arena_->total_bytes()) return;
  memory_ = Buffer();
  if (!try_slabs(device, expert_bytes, granted)) arena_.reset();
}

bool Placement::try_slabs(Device& device, std::uint64_t expert_bytes, std::uint32_t slabs) {
  const Arena arena = Arena::plan(expert_bytes, slabs);
  if (!try_allocate(device, arena.total_bytes(), memory_)) return false;
  arena_ = arena;
  return true;
}

}  // namespace prophet
