#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/status.hpp"

namespace prophet::kernels {

inline constexpr std::uint32_t resolve_experts_max = 512;
/// Of tokens * top_k: 1,024 tokens of a router with the largest top_k.
inline constexpr std::uint32_t resolve_choices_max = 1U << 14;
/// A table entry of an expert that has no slab; so is every entry beyond the slabs there are.
inline constexpr std::uint32_t no_slab = 0xFFFFFFFFU;

/// Which slab each expert of one layer lies in. Owns nothing.
struct SlabTable {
  const std::uint32_t* slab_of = nullptr;  ///< [experts]
  std::uint32_t experts = 0;
  std::uint32_t slabs = 0;
  const std::byte* base = nullptr;  ///< of slab 0
  std::uint64_t slab_bytes = 0;     ///< from one slab to the next
};

/// What the tokens of one step want of a layer, each expert once: written by resolve(), and read as it lies
/// by the experts' networks and by combine. D is the number of distinct experts.
struct ResolvedExperts {
  std::uint32_t* count = nullptr;      ///< [1]: D
  std::uint32_t* missing = nullptr;    ///< [1]: how many of them have no slab
  std::uint32_t* experts = nullptr;    ///< [D], ascending
  const void** slabs = nullptr;        ///< [D], null for an expert that has none
  std::uint32_t* first_row = nullptr;  ///< [D + 1]: where an expert's rows and outputs begin
  std::uint32_t* rows = nullptr;       ///< [tokens * top_k]: the tokens that chose it, ascending
  std::uint32_t* slots = nullptr;      ///< [tokens, top_k]: of each choice the row of its output
};

/// What the host learns of it.
struct ResolveReport {
  std::uint32_t written;  ///< set to 1 last; the host zeroes it before the next resolve()
  std::uint32_t distinct;
  std::uint32_t missing;
  std::uint32_t invalid;                               ///< choices of experts that the table does not have
  std::uint32_t missing_experts[resolve_experts_max];  ///< the first `missing` of them, ascending
};

/// Turns a router's choice into slabs: the distinct experts in ascending order, for each its slab and the
/// tokens that chose it in their order, and where each choice's output will lie; the order is that of the
/// engine's layer requests (runtime/engine/layer_requests.hpp), so slots are equal. A token that names an
/// expert twice is two rows of it.
///
/// ids [tokens, top_k]; top_k is not 0 if there are ids. Arrays of `resolved` of the sizes above, D being at
/// most the smaller of tokens * top_k and experts. bad_shape beyond the two limits or if ids are not whole
/// tokens; index_out_of_range for an id that the table does not have; null_pointer; then nothing is written.
[[nodiscard]] Status resolve(std::span<const std::uint32_t> ids, std::uint32_t top_k, const SlabTable& table,
                             const ResolvedExperts& resolved, ResolveReport* report) noexcept;

/// Whether every array is there.
[[nodiscard]] constexpr bool is_whole(const ResolvedExperts& resolved) noexcept {
  return resolved.count != nullptr && resolved.missing != nullptr && resolved.experts != nullptr &&
         resolved.slabs != nullptr && resolved.first_row != nullptr && resolved.rows != nullptr &&
         resolved.slots != nullptr;
}

}  // namespace prophet::kernels
