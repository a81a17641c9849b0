#include "runtime/memory/arena.hpp"

#include <fmt/format.h>

#include <bit>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

void require(bool holds, const std::string& sentence) {
  if (!holds) throw Error(ErrorCode::usage, sentence);
}

}  // namespace

Arena Arena::plan(std::uint64_t expert_bytes, std::uint32_t slabs, std::uint64_t alignment_bytes) {
  require(
      expert_bytes >= 1 && expert_bytes <= limits::expert_bytes_max,
      fmt::format("arena: an expert of {} bytes is outside 1 to {}", expert_bytes, limits::expert_bytes_max));
  require(slabs >= 1 && slabs <= limits::slabs_max,
          fmt::format("arena: {} slabs are outside 1 to {}", slabs, limits::slabs_max));
  require(std::has_single_bit(alignment_bytes),
          fmt::format("arena: an alignment of {} bytes is not a power of two", alignment_bytes));
  std::uint64_t stride_bytes = 0;
  std::uint64_t total_bytes = 0;
  const bool fits =
      !__builtin_add_overflow(expert_bytes, alignment_bytes - 1, &stride_bytes) &&
      !__builtin_mul_overflow(stride_bytes &= ~(alignment_bytes - 1), std::uint64_t{slabs}, &total_bytes);
  require(fits, fmt::format("arena: {} slabs of {} bytes aligned to {} do not fit 64 bits", slabs,
                            expert_bytes, alignment_bytes));
  return {expert_bytes, stride_bytes, slabs};
}

}  // namespace prophet
