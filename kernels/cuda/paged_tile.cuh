#pragma once

#include <cuda_pipeline_primitives.h>

#include <cstdint>

#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/kv_place.cuh"

/// What the attention kernels share: rows of a tile are found, copied to shared memory and multiplied.
namespace prophet::kernels::cuda {

inline constexpr int attention_threads = 128;
inline constexpr int attention_warps = attention_threads / 32;
inline constexpr unsigned all_lanes = 0xFFFFFFFFU;

/// The places of a tile's rows, tokens from `first` on, by the first `rows` threads.
__device__ __forceinline__ void find_places(std::uint64_t* places, unsigned rows, const KvPages& pages,
                                            std::uint32_t sequence, std::uint32_t first, std::uint32_t end,
                                            std::uint32_t row_bytes) {
  if (threadIdx.x >= rows) return;
  const std::uint32_t token = first + threadIdx.x;
  places[threadIdx.x] = token < end ? place_of(pages, sequence, token, row_bytes) : no_place;
}

/// Starts the copy of a tile's rows of `packs` 16-byte packs: one pack a thread and turn.
template <int packs, int row_bytes>
__device__ __forceinline__ void copy_tile(unsigned char* tile, const unsigned char* base,
                                          const std::uint64_t* places, int tokens) {
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < tokens * packs; i += attention_threads) {
    const int row = i / packs;
    const int pack = i - row * packs;
    __pipeline_memcpy_async(tile + row * row_bytes + pack * 16, base + (places[row] & ~no_place) + pack * 16,
                            16);
  }
}

/// dot + pack of K . pack of a query, which is aligned to 16 bytes.
__device__ __forceinline__ float dot_pack(const float (&k)[packed_values], const float* query, float dot) {
  const float4 low = *reinterpret_cast<const float4*>(query);
  const float4 high = *reinterpret_cast<const float4*>(query + 4);
  dot = fmaf(k[0], low.x, fmaf(k[1], low.y, fmaf(k[2], low.z, fmaf(k[3], low.w, dot))));
  return fmaf(k[4], high.x, fmaf(k[5], high.y, fmaf(k[6], high.z, fmaf(k[7], high.w, dot))));
}

/// The largest value, and the sum, of each `lanes` neighbouring lanes (a power of two), in all of them.
template <int lanes>
__device__ __forceinline__ float largest_of_lanes(float value) {
#pragma unroll
  for (int step = lanes / 2; step != 0; step /= 2)
    value = fmaxf(value, __shfl_xor_sync(all_lanes, value, step));
  return value;
}

template <int lanes>
__device__ __forceinline__ float sum_of_lanes(float value) {
#pragma unroll
  for (int step = lanes / 2; step != 0; step /= 2) value += __shfl_xor_sync(all_lanes, value, step);
  return value;
}

/// A query's softmax over tiles in which each of `lanes` neighbouring lanes has a token.
template <int lanes>
struct OnlineSoftmax {
  float largest = -INFINITY;
  float weight = 0;  ///< of this lane's tokens

  /// Returns the weight of this lane's token, relative to the largest logit so far; `rescale` is what all
  /// earlier weights are to be multiplied by.
  __device__ __forceinline__ float add(float logit, float& rescale) {
    const float next = fmaxf(largest, largest_of_lanes<lanes>(logit));
    rescale = expf(largest - next);
    const float token_weight = expf(logit - next);
    weight = fmaf(weight, rescale, token_weight);
    largest = next;
    return token_weight;
  }
};

}  // namespace prophet::kernels::cuda
