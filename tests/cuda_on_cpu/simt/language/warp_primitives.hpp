#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/cuda_on_cpu/simt/device_interface.hpp"

// Barriers and warp primitives. The last two parameters of each are the caller's place in the source: reports
// name it, and threads that meet at different __syncthreads are noticed by it.
#define PROPHET_SIMT_CALLER const char *file = __builtin_FILE(), unsigned line = __builtin_LINE()

inline void __syncthreads(PROPHET_SIMT_CALLER) {
  prophet::simt::synchronise_block(prophet::simt::BarrierKind::plain, false, file, line);
}
inline int __syncthreads_count(int predicate, PROPHET_SIMT_CALLER) {
  return prophet::simt::synchronise_block(prophet::simt::BarrierKind::count, predicate != 0, file, line);
}
inline int __syncthreads_and(int predicate, PROPHET_SIMT_CALLER) {
  return prophet::simt::synchronise_block(prophet::simt::BarrierKind::all, predicate != 0, file, line);
}
inline int __syncthreads_or(int predicate, PROPHET_SIMT_CALLER) {
  return prophet::simt::synchronise_block(prophet::simt::BarrierKind::any, predicate != 0, file, line);
}

namespace prophet::simt {

template <class T>
std::uint64_t to_bits(const T& value) {
  static_assert(std::is_trivially_destructible_v<T> && sizeof(T) <= 8,
                "lanes exchange values of up to 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(static_cast<void*>(&value), &bits, sizeof value);
  return value;
}

/// The first lane of the part of `width` lanes that holds the calling lane.
inline unsigned first_of_part(int width) {
  if (width < 1 || width > 32 || (width & (width - 1)) != 0)
    device_failure("a shuffle's width is not 1, 2, 4 ... 32");
  return current_lane() & ~(static_cast<unsigned>(width) - 1U);
}

template <class T>
T shuffle(unsigned mask, T value, unsigned source_lane, const char* file, unsigned line) {
  return from_bits<T>(
      synchronise_warp(WarpOperationKind::shuffle, mask, to_bits(value), source_lane, file, line));
}

}  // namespace prophet::simt

inline void __syncwarp(unsigned mask = 0xFFFFFFFFU, PROPHET_SIMT_CALLER) {
  static_cast<void>(
      prophet::simt::synchronise_warp(prophet::simt::WarpOperationKind::synchronise, mask, 0, 0, file, line));
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, PROPHET_SIMT_CALLER) {
  const unsigned offset = static_cast<unsigned>(source) & (static_cast<unsigned>(width) - 1U);
  return prophet::simt::shuffle(mask, value, prophet::simt::first_of_part(width) + offset, file, line);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, PROPHET_SIMT_CALLER) {
  const unsigned lane = prophet::simt::current_lane();
  delta &= 31U;  // as PTX does
  const bool inside = lane - prophet::simt::first_of_part(width) >= delta;
  return prophet::simt::shuffle(mask, value, inside ? lane - delta : lane, file, line);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, PROPHET_SIMT_CALLER) {
  const unsigned lane = prophet::simt::current_lane();
  delta &= 31U;
  const unsigned end = prophet::simt::first_of_part(width) + static_cast<unsigned>(width);
  const bool inside = delta < end - lane;
  return prophet::simt::shuffle(mask, value, inside ? lane + delta : lane, file, line);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, PROPHET_SIMT_CALLER) {
  const unsigned lane = prophet::simt::current_lane();
  const unsigned source = lane ^ (static_cast<unsigned>(lane_mask) & 31U);
  const unsigned end = prophet::simt::first_of_part(width) + static_cast<unsigned>(width);
  return prophet::simt::shuffle(mask, value, source < end ? source : lane, file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, PROPHET_SIMT_CALLER) {
  return static_cast<unsigned>(prophet::simt::synchronise_warp(prophet::simt::WarpOperationKind::ballot, mask,
                                                               predicate != 0 ? 1 : 0, 0, file, line));
}

inline int __all_sync(unsigned mask, int predicate, PROPHET_SIMT_CALLER) {
  return static_cast<int>(prophet::simt::synchronise_warp(prophet::simt::WarpOperationKind::all, mask,
                                                          predicate != 0 ? 1 : 0, 0, file, line));
}

inline int __any_sync(unsigned mask, int predicate, PROPHET_SIMT_CALLER) {
  return static_cast<int>(prophet::simt::synchronise_warp(prophet::simt::WarpOperationKind::any, mask,
                                                          predicate != 0 ? 1 : 0, 0, file, line));
}

template <class T>
unsigned __match_any_sync(unsigned mask, T value, PROPHET_SIMT_CALLER) {
  return static_cast<unsigned>(prophet::simt::synchronise_warp(
      prophet::simt::WarpOperationKind::match_any, mask, prophet::simt::to_bits(value), 0, file, line));
}

template <class T>
unsigned __match_all_sync(unsigned mask, T value, int* predicate, PROPHET_SIMT_CALLER) {
  const auto matching = static_cast<unsigned>(prophet::simt::synchronise_warp(
      prophet::simt::WarpOperationKind::match_all, mask, prophet::simt::to_bits(value), 0, file, line));
  *predicate = matching != 0 ? 1 : 0;
  return matching;
}

/// Only the calling lane: a legal answer on which a kernel that relies on convergence breaks.
inline unsigned __activemask() {
  return 1U << prophet::simt::current_lane();
}

#define PROPHET_SIMT_REDUCE(Type, function, kind)                                                     \
  inline Type function(unsigned mask, Type value, PROPHET_SIMT_CALLER) {                              \
    return prophet::simt::from_bits<Type>(prophet::simt::synchronise_warp(                            \
        prophet::simt::WarpOperationKind::kind, mask, prophet::simt::to_bits(value), 0, file, line)); \
  }
PROPHET_SIMT_REDUCE(unsigned, __reduce_add_sync, add)
PROPHET_SIMT_REDUCE(int, __reduce_add_sync, add)
PROPHET_SIMT_REDUCE(unsigned, __reduce_min_sync, minimum_unsigned)
PROPHET_SIMT_REDUCE(int, __reduce_min_sync, minimum_signed)
PROPHET_SIMT_REDUCE(unsigned, __reduce_max_sync, maximum_unsigned)
PROPHET_SIMT_REDUCE(int, __reduce_max_sync, maximum_signed)
PROPHET_SIMT_REDUCE(unsigned, __reduce_and_sync, bitwise_and)
PROPHET_SIMT_REDUCE(unsigned, __reduce_or_sync, bitwise_or)
PROPHET_SIMT_REDUCE(unsigned, __reduce_xor_sync, bitwise_xor)
#undef PROPHET_SIMT_REDUCE
