#include "kernels/resolve.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace prophet::kernels {
namespace {

/// By expert: how often it is chosen, then where its next row goes.
using Counts = std::array<std::uint32_t, resolve_experts_max>;

const void* slab_of(const SlabTable& table, std::uint32_t expert) noexcept {
  const std::uint32_t slab = table.slab_of[expert];
  return slab < table.slabs ? table.base + slab * table.slab_bytes : nullptr;
}

/// Lists the experts whose count is not 0, and makes of each count where its rows begin.
void list_experts(Counts& counts, const SlabTable& table, const ResolvedExperts& resolved,
                  ResolveReport& report) {
  std::uint32_t next_row = 0;
  report.distinct = 0;
  report.missing = 0;
  for (std::uint32_t e = 0; e < table.experts; ++e) {
    if (counts[e] == 0) continue;
    resolved.experts[report.distinct] = e;
    resolved.slabs[report.distinct] = slab_of(table, e);
    if (resolved.slabs[report.distinct] == nullptr) report.missing_experts[report.missing++] = e;
    resolved.first_row[report.distinct++] = next_row;
    next_row += std::exchange(counts[e], next_row);
  }
  resolved.first_row[report.distinct] = next_row;
  *resolved.count = report.distinct;
  *resolved.missing = report.missing;
}

}  // namespace

Status resolve(std::span<const std::uint32_t> ids, std::uint32_t top_k, const SlabTable& table,
               const ResolvedExperts& resolved, ResolveReport* report) noexcept {
  if (table.experts > resolve_experts_max || ids.size() > resolve_choices_max) return Status::bad_shape;
  if (!ids.empty() && (top_k == 0 || ids.size() % top_k != 0)) return Status::bad_shape;
  if (!is_whole(resolved) || report == nullptr) return Status::null_pointer;
  if (table.experts != 0 && table.slab_of == nullptr) return Status::null_pointer;
  const auto known = [&](std::uint32_t id) { return id < table.experts; };
  if (!std::all_of(ids.begin(), ids.end(), known)) return Status::index_out_of_range;
  Counts counts{};
  for (const std::uint32_t id : ids) ++counts[id];
  list_experts(counts, table, resolved, *report);
  for (std::size_t c = 0; c < ids.size(); ++c) {
    const std::uint32_t row = counts[ids[c]]++;
    resolved.rows[row] = static_cast<std::uint32_t>(c / top_k);
    resolved.slots[c] = row;
  }
  report->invalid = 0;
  report->written = 1;
  return Status::ok;
}

}  // namespace prophet::kernels
