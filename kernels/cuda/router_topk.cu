#include "kernels/cuda/router_topk.hpp"

#include <cfloat>

#include "kernels/cuda/launch.cuh"
#include "kernels/exact_exp.hpp"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned warp_threads = 32;
constexpr unsigned all_lanes = 0xFFFFFFFFU;
constexpr unsigned block_warps = 4;
constexpr unsigned quad = 4;  ///< consecutive experts that a lane has of each 128
constexpr unsigned no_expert = 0xFFFFFFFFU;

/// A finite number as an integer of the same order; never `no_key`. Both zeros are one.
constexpr unsigned no_key = 0;

__device__ unsigned key_of(float value) {
  const unsigned bits = __float_as_uint(value == 0 ? 0.0F : value);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

__device__ float value_of(unsigned key) {
  return __uint_as_float((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key);
}

__device__ float finite(float value) {
  return value != value ? -FLT_MAX : fminf(fmaxf(value, -FLT_MAX), FLT_MAX);
}

/// The sum of the lanes' values, in every lane.
__device__ float warp_sum(float value) {
#pragma unroll
  for (unsigned step = warp_threads / 2; step != 0; step /= 2)
    value += __shfl_xor_sync(all_lanes, value, step);
  return value;
}

__device__ unsigned lane_index() {
  return threadIdx.x % warp_threads;
}

/// What a warp knows of one token. Lane l has experts 4 * (32 q + l) + i, for q < quads and i < 4.
template <unsigned quads>
struct Routing {
  float scores[quads * quad];
  unsigned keys[quads * quad];  ///< of what the choice is by; no_key where there is no expert, or no more

  /// The expert at place `slot`; ascends with it.
  __device__ static unsigned expert(unsigned slot) {
    return (slot / quad * warp_threads + lane_index()) * quad + slot % quad;
  }
};

/// Four consecutive values of a row, zeros from `count` on.
template <bool wide>
__device__ float4 read_quad(const float* row, unsigned first, unsigned count) {
  float4 values = {0, 0, 0, 0};
  if constexpr (wide) {
    if (first < count) values = *reinterpret_cast<const float4*>(row + first);
  } else {
    if (first < count) values.x = row[first];
    if (first + 1 < count) values.y = row[first + 1];
    if (first + 2 < count) values.z = row[first + 2];
    if (first + 3 < count) values.w = row[first + 3];
  }
  return values;
}

/// Scores are the logits, keys theirs.
template <bool wide, unsigned quads>
__device__ void read_logits(Routing<quads>& routing, const float* logits, unsigned experts) {
#pragma unroll
  for (unsigned q = 0; q < quads; ++q) {
    const float4 values = read_quad<wide>(logits, Routing<quads>::expert(q * quad), experts);
    routing.scores[q * quad] = finite(values.x);
    routing.scores[q * quad + 1] = finite(values.y);
    routing.scores[q * quad + 2] = finite(values.z);
    routing.scores[q * quad + 3] = finite(values.w);
  }
#pragma unroll
  for (unsigned s = 0; s < quads * quad; ++s) {
    routing.keys[s] = Routing<quads>::expert(s) < experts ? key_of(routing.scores[s]) : no_key;
  }
}

template <unsigned quads>
__device__ void apply_softmax(Routing<quads>& routing, unsigned experts) {
  unsigned largest_key = no_key;
#pragma unroll
  for (const unsigned key : routing.keys) largest_key = max(largest_key, key);
  const float largest = value_of(__reduce_max_sync(all_lanes, largest_key));
  float sum = 0;
#pragma unroll
  for (unsigned s = 0; s < quads * quad; ++s) {
    if (Routing<quads>::expert(s) >= experts) continue;
    routing.scores[s] = exact_exp(routing.scores[s] - largest);
    sum += routing.scores[s];
  }
  const float total = warp_sum(sum);
#pragma unroll
  for (float& score : routing.scores) score /= total;
}

template <unsigned quads>
__device__ void apply_sigmoid(Routing<quads>& routing) {
#pragma unroll
  for (float& score : routing.scores) {
    const float small = exact_exp(-fabsf(score));
    score = (score < 0 ? small : 1.0F) / (1.0F + small);
  }
}

/// Keys are those of score + bias.
template <bool wide, unsigned quads>
__device__ void add_bias(Routing<quads>& routing, const float* bias, unsigned experts) {
#pragma unroll
  for (unsigned q = 0; q < quads; ++q) {
    float4 values = {0, 0, 0, 0};
    if (bias != nullptr) values = read_quad<wide>(bias, Routing<quads>::expert(q * quad), experts);
    const float of_quad[quad] = {values.x, values.y, values.z, values.w};
#pragma unroll
    for (unsigned i = 0; i < quad; ++i) {
      const unsigned s = q * quad + i;
      if (routing.keys[s] != no_key) routing.keys[s] = key_of(finite(routing.scores[s] + of_quad[i]));
    }
  }
}

/// The key of the sum of the two best values of experts [first, last).
template <unsigned quads>
__device__ unsigned sum_of_two_best(const Routing<quads>& routing, unsigned first, unsigned last) {
  unsigned best = no_key;
  unsigned second = no_key;
#pragma unroll
  for (unsigned s = 0; s < quads * quad; ++s) {
    const unsigned expert = Routing<quads>::expert(s);
    const unsigned key = expert >= first && expert < last ? routing.keys[s] : no_key;
    second = max(second, min(best, key));
    best = max(best, key);
  }
  const unsigned largest = __reduce_max_sync(all_lanes, best);
  const unsigned owner = __ffs(static_cast<int>(__ballot_sync(all_lanes, best == largest))) - 1;
  const unsigned next = __reduce_max_sync(all_lanes, lane_index() == owner ? second : best);
  return key_of(finite(value_of(largest) + value_of(next)));
}

/// The bits of the groups that take part.
template <unsigned quads>
__device__ unsigned choose_groups(const Routing<quads>& routing, const RouterRule& rule) {
  const unsigned size = rule.experts / rule.groups;
  unsigned mine = no_key;  // lane g has group g
  for (unsigned g = 0; g < rule.groups; ++g) {
    const unsigned key = sum_of_two_best(routing, g * size, (g + 1) * size);
    if (lane_index() == g) mine = key;
  }
  unsigned kept = 0;
  for (unsigned i = 0; i < rule.groups_kept; ++i) {
    const unsigned largest = __reduce_max_sync(all_lanes, mine);
    const unsigned group = __ffs(static_cast<int>(__ballot_sync(all_lanes, mine == largest))) - 1;
    kept |= 1U << group;
    if (lane_index() == group) mine = no_key;
  }
  return kept;
}

template <unsigned quads>
__device__ void drop_groups(Routing<quads>& routing, const RouterRule& rule) {
  const unsigned kept = choose_groups(routing, rule);
  const unsigned size = rule.experts / rule.groups;
#pragma unroll
  for (unsigned s = 0; s < quads * quad; ++s) {
    const unsigned expert = Routing<quads>::expert(s);
    if (expert < rule.experts && (kept >> (expert / size) & 1U) == 0) routing.keys[s] = no_key;
  }
}

struct Chosen {
  unsigned expert;
  float score;
};

/// The best expert that is left, in every lane; then it is not left.
template <unsigned quads>
__device__ Chosen take_best(Routing<quads>& routing) {
  unsigned best = no_key;
  unsigned expert = no_expert;
#pragma unroll
  for (unsigned s = 0; s < quads * quad; ++s) {
    if (routing.keys[s] <= best) continue;
    best = routing.keys[s];
    expert = Routing<quads>::expert(s);
  }
  const unsigned largest = __reduce_max_sync(all_lanes, best);
  const unsigned winner = __reduce_min_sync(all_lanes, best == largest ? expert : no_expert);
  float score = 0;
#pragma unroll
  for (unsigned s = 0; s < quads * quad; ++s) {
    if (Routing<quads>::expert(s) != winner) continue;
    score = routing.scores[s];
    routing.keys[s] = no_key;
  }
  return {winner, __shfl_sync(all_lanes, score, static_cast<int>(winner / quad % warp_threads))};
}

/// The weight of the expert of rank `lane`, whose score it is given; what lanes from top_k on get is
/// nobody's.
__device__ float weigh(float score, const RouterRule& rule) {
  const bool has_rank = lane_index() < rule.top_k;
  float weight = has_rank ? score : 0;
  if (rule.score == RouterScore::softmax_of_chosen) {
    const float largest = value_of(__reduce_max_sync(all_lanes, has_rank ? key_of(score) : no_key));
    weight = has_rank ? exact_exp(score - largest) : 0;
    weight /= warp_sum(weight);
  } else if (rule.normalised) {
    weight /= warp_sum(weight) + 1e-20F;
  }
  return weight * rule.scale;
}

template <class Id, unsigned quads, bool wide>
__global__ void __launch_bounds__(block_warps* warp_threads)
    router_topk_kernel(const float* logits, const float* bias, std::uint32_t tokens, RouterRule rule, Id* ids,
                       float* weights) {
  const std::size_t token = std::size_t{blockIdx.x} * block_warps + threadIdx.x / warp_threads;
  if (token >= tokens) return;
  Routing<quads> routing;
  read_logits<wide>(routing, logits + token * rule.experts, rule.experts);
  if (rule.score == RouterScore::softmax) apply_softmax(routing, rule.experts);
  if (rule.score == RouterScore::sigmoid) apply_sigmoid(routing);
  if (bias != nullptr || rule.groups != 1) add_bias<wide>(routing, bias, rule.experts);
  if (rule.groups != 1) drop_groups(routing, rule);
  Chosen mine{};  // lane r has rank r
  for (unsigned r = 0; r < rule.top_k; ++r) {
    const Chosen chosen = take_best(routing);
    if (lane_index() == r) mine = chosen;
  }
  const float weight = weigh(mine.score, rule);
  if (lane_index() >= rule.top_k) return;
  ids[token * rule.top_k + lane_index()] = static_cast<Id>(mine.expert);
  weights[token * rule.top_k + lane_index()] = weight;
}

[[nodiscard]] bool is_aligned(const float* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % (quad * sizeof(float)) == 0;
}

template <class Id, bool wide>
[[nodiscard]] auto kernel_for(std::uint32_t experts) {
  if (experts <= 128) return router_topk_kernel<Id, 1, wide>;
  if (experts <= 256) return router_topk_kernel<Id, 2, wide>;
  return router_topk_kernel<Id, 4, wide>;
}

template <class Id>
[[nodiscard]] cudaError_t route(const float* logits, const float* bias, std::uint32_t tokens,
                                const RouterRule& rule, Id* ids, float* weights, cudaStream_t stream) {
  if (!is_valid(rule)) return cudaErrorInvalidValue;
  if (tokens == 0) return cudaSuccess;
  if (logits == nullptr || ids == nullptr || weights == nullptr) return cudaErrorInvalidValue;
  const bool wide = rule.experts % quad == 0 && is_aligned(logits) && is_aligned(bias);
  const LaunchShape shape{.grid = dim3((tokens - 1) / block_warps + 1),
                          .block = dim3(block_warps * warp_threads),
                          .stream = stream};
  return launch(wide ? kernel_for<Id, true>(rule.experts) : kernel_for<Id, false>(rule.experts), shape,
                logits, bias, tokens, rule, ids, weights);
}

}  // namespace

cudaError_t router_topk(const float* logits, const float* bias, std::uint32_t tokens, const RouterRule& rule,
                        std::uint32_t* ids, float* weights, cudaStream_t stream) noexcept {
  return route(logits, bias, tokens, rule, ids, weights, stream);
}

cudaError_t router_topk(const float* logits, const float* bias, std::uint32_t tokens, const RouterRule& rule,
                        std::uint16_t* ids, float* weights, cudaStream_t stream) noexcept {
  return route(logits, bias, tokens, rule, ids, weights, stream);
}

}  // namespace prophet::kernels::cuda
