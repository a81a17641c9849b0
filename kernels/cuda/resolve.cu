#include "kernels/cuda/resolve.hpp"

#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned warp_threads = 32;
constexpr unsigned all_lanes = 0xFFFFFFFFU;
constexpr unsigned block_threads = resolve_experts_max;  // a thread an expert
constexpr unsigned warps = block_threads / warp_threads;
constexpr unsigned no_expert = 0xFFFFFFFFU;

/// Of each warp's choices and each expert: how many there are, then where the next one's row goes.
using Counts = std::uint32_t[warps][resolve_experts_max];

/// The choices that a warp works on, in their order: whole rounds of 32, but for the end.
struct Range {
  std::uint32_t begin;
  std::uint32_t end;
};

__device__ Range range_of_warp(std::uint32_t choices) {
  const std::uint32_t rounds = (choices + block_threads - 1) / block_threads;
  const std::uint32_t begin = threadIdx.x / warp_threads * rounds * warp_threads;
  return {min(begin, choices), min(begin + rounds * warp_threads, choices)};
}

/// Counts that are summed over experts at once.
struct Tally {
  std::uint32_t rows = 0;
  std::uint32_t experts = 0;
  std::uint32_t missing = 0;

  __device__ Tally& operator+=(const Tally& other) {
    rows += other.rows;
    experts += other.experts;
    missing += other.missing;
    return *this;
  }
};

__device__ Tally shuffle_up(const Tally& tally, unsigned distance) {
  return {__shfl_up_sync(all_lanes, tally.rows, distance), __shfl_up_sync(all_lanes, tally.experts, distance),
          __shfl_up_sync(all_lanes, tally.missing, distance)};
}

/// The sum over the threads up to this one. Has a barrier in it, before which other threads' shared memory is
/// safe.
__device__ Tally inclusive_scan(Tally tally) {
  __shared__ Tally of_warp[warps];
  const unsigned lane = threadIdx.x % warp_threads;
#pragma unroll
  for (unsigned distance = 1; distance < warp_threads; distance *= 2) {
    const Tally below = shuffle_up(tally, distance);
    if (lane >= distance) tally += below;
  }
  if (lane == warp_threads - 1) of_warp[threadIdx.x / warp_threads] = tally;
  __syncthreads();
  for (unsigned warp = 0; warp < threadIdx.x / warp_threads; ++warp) tally += of_warp[warp];
  return tally;
}

/// Counts what each warp's range holds of each expert. Barriers before and after are the caller's.
template <class Id>
__device__ void count_choices(Counts& counts, std::uint32_t* invalid, const Id* ids, Range range,
                              std::uint32_t experts) {
  std::uint32_t* const mine = counts[threadIdx.x / warp_threads];
  for (std::uint32_t c = range.begin + threadIdx.x % warp_threads; c < range.end; c += warp_threads) {
    const std::uint32_t id = ids[c];
    atomicAdd(id < experts ? mine + id : invalid, 1U);
  }
}

/// Adds up this thread's expert over the warps; what stands in `counts` becomes the sum of the warps before.
__device__ std::uint32_t sum_over_warps(Counts& counts) {
  std::uint32_t sum = 0;
#pragma unroll
  for (unsigned warp = 0; warp < warps; ++warp) {
    const std::uint32_t count = counts[warp][threadIdx.x];
    counts[warp][threadIdx.x] = sum;
    sum += count;
  }
  return sum;
}

/// Writes this thread's expert into the lists. `before` is the tally of the experts below.
__device__ void list_expert(const SlabTable& table, std::uint32_t slab, const Tally& before,
                            const ResolvedExperts& resolved, ResolveReport* report) {
  const bool resident = slab < table.slabs;
  resolved.experts[before.experts] = threadIdx.x;
  resolved.slabs[before.experts] = resident ? table.base + slab * table.slab_bytes : nullptr;
  resolved.first_row[before.experts] = before.rows;
  if (!resident) report->missing_experts[before.missing] = threadIdx.x;
}

/// The last thread, which knows the tally of all.
__device__ void list_totals(const Tally& all, std::uint32_t invalid, const ResolvedExperts& resolved,
                            ResolveReport* report) {
  resolved.first_row[all.experts] = all.rows;
  *resolved.count = all.experts;
  *resolved.missing = all.missing;
  report->distinct = all.experts;
  report->missing = all.missing;
  report->invalid = invalid;
}

/// Gives each choice of the warp's range its row, in the order of the choices.
template <class Id>
__device__ void place_choices(Counts& counts, const Id* ids, Range range, std::uint32_t top_k,
                              std::uint32_t experts, const ResolvedExperts& resolved) {
  const unsigned lane = threadIdx.x % warp_threads;
  std::uint32_t* const next_row = counts[threadIdx.x / warp_threads];
  for (std::uint32_t first = range.begin; first < range.end; first += warp_threads) {
    const std::uint32_t c = first + lane;
    std::uint32_t id = c < range.end ? ids[c] : no_expert;
    if (id >= experts) id = no_expert;
    const unsigned alike = __match_any_sync(all_lanes, id);
    const unsigned rank = __popc(alike & ((1U << lane) - 1));
    const std::uint32_t row = id != no_expert ? next_row[id] + rank : 0;
    if (id != no_expert) resolved.rows[row] = c / top_k;
    if (c < range.end) resolved.slots[c] = row;
    __syncwarp();
    if (id != no_expert && rank == 0) next_row[id] += __popc(alike);
    __syncwarp();
  }
}

template <class Id>
__global__ void __launch_bounds__(block_threads)
    resolve_kernel(const Id* ids, std::uint32_t choices, std::uint32_t top_k, SlabTable table,
                   ResolvedExperts resolved, ResolveReport* report) {
  __shared__ Counts counts;
  __shared__ std::uint32_t invalid;
  const unsigned expert = threadIdx.x;
#pragma unroll
  for (unsigned warp = 0; warp < warps; ++warp) counts[warp][expert] = 0;
  if (expert == 0) invalid = 0;
  __syncthreads();
  const Range range = range_of_warp(choices);
  count_choices(counts, &invalid, ids, range, table.experts);
  __syncthreads();
  const std::uint32_t rows = sum_over_warps(counts);
  const std::uint32_t slab = rows != 0 ? table.slab_of[expert] : 0;
  const Tally mine{rows, rows != 0 ? 1U : 0U, rows != 0 && slab >= table.slabs ? 1U : 0U};
  const Tally all = inclusive_scan(mine);
  const Tally before{all.rows - mine.rows, all.experts - mine.experts, all.missing - mine.missing};
#pragma unroll
  for (unsigned warp = 0; warp < warps; ++warp) counts[warp][expert] += before.rows;
  if (rows != 0) list_expert(table, slab, before, resolved, report);
  if (expert == block_threads - 1) list_totals(all, invalid, resolved, report);
  __syncthreads();
  // The barrier has shown the whole report to this thread; its fence passes that on to the host. Fences of
  // the others, before the barrier, would order nothing before this thread's store.
  if (expert == 0) {
    __threadfence_system();
    *static_cast<volatile std::uint32_t*>(&report->written) = 1;
  }
  place_choices(counts, ids, range, top_k, table.experts, resolved);
}

template <class Id>
[[nodiscard]] cudaError_t launch_resolve(const Id* ids, std::uint32_t tokens, std::uint32_t top_k,
                                         const SlabTable& table, const ResolvedExperts& resolved,
                                         ResolveReport* report, cudaStream_t stream) {
  const std::uint64_t choices = std::uint64_t{tokens} * top_k;
  if (top_k == 0 || choices > resolve_choices_max || table.experts > resolve_experts_max)
    return cudaErrorInvalidValue;
  if (report == nullptr || !is_whole(resolved) || (choices != 0 && ids == nullptr))
    return cudaErrorInvalidValue;
  if (table.experts != 0 && table.slab_of == nullptr) return cudaErrorInvalidValue;
  if (table.slabs != 0 && table.base == nullptr) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3(1), .block = dim3(block_threads), .stream = stream};
  return launch(resolve_kernel<Id>, shape, ids, static_cast<std::uint32_t>(choices), top_k, table, resolved,
                report);
}

}  // namespace

cudaError_t resolve(const std::uint32_t* ids, std::uint32_t tokens, std::uint32_t top_k,
                    const SlabTable& table, const ResolvedExperts& resolved, ResolveReport* report,
                    cudaStream_t stream) noexcept {
  return launch_resolve(ids, tokens, top_k, table, resolved, report, stream);
}

cudaError_t resolve(const std::uint16_t* ids, std::uint32_t tokens, std::uint32_t top_k,
                    const SlabTable& table, const ResolvedExperts& resolved, ResolveReport* report,
                    cudaStream_t stream) noexcept {
  return launch_resolve(ids, tokens, top_k, table, resolved, report, stream);
}

}  // namespace prophet::kernels::cuda
