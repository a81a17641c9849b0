#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/cuda_on_cpu/simt/device_interface.hpp"

// Atomics on global and shared memory. Relaxed, as CUDA's are: they order no other memory. Only the types
// that CUDA has are taken; note that std::uint64_t is not unsigned long long.
namespace prophet::simt {

template <class T, class... Allowed>
inline constexpr bool is_one_of = (std::is_same_v<T, Allowed> || ...);

template <std::size_t bytes>
struct WordOf;
template <>
struct WordOf<2> {
  using type = std::uint16_t;
};
template <>
struct WordOf<4> {
  using type = std::uint32_t;
};
template <>
struct WordOf<8> {
  using type = std::uint64_t;
};

template <class To, class From>
To reinterpret_bits(const From& value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(static_cast<void*>(&result), static_cast<const void*>(&value), sizeof result);
  return result;
}

/// Replaces *place by update(*place) at once; returns what stood there.
template <class T, class Update>
T replace(T* place, Update update) {
  using Word = typename WordOf<sizeof(T)>::type;
  preempt();
  auto* word = reinterpret_cast<Word*>(place);
  Word old = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(word, &old, reinterpret_bits<Word>(update(reinterpret_bits<T>(old))),
                                      true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return reinterpret_bits<T>(old);
}

}  // namespace prophet::simt

#define PROPHET_SIMT_ATOMIC_ONE(function, allowed, expression)                                        \
  template <class T>                                                                                  \
  T function(T* place, std::type_identity_t<T> value) {                                               \
    static_assert(allowed, #function " has no such type in CUDA");                                    \
    return prophet::simt::replace(place, [value](T old) -> T { return static_cast<T>(expression); }); \
  }
#define PROPHET_SIMT_ATOMIC(function, allowed, expression)       \
  PROPHET_SIMT_ATOMIC_ONE(function, allowed, expression)         \
  PROPHET_SIMT_ATOMIC_ONE(function##_block, allowed, expression) \
  PROPHET_SIMT_ATOMIC_ONE(function##_system, allowed, expression)

#define PROPHET_SIMT_IS(...) (prophet::simt::is_one_of<T, __VA_ARGS__>)
// The 16-bit types are classes that are complete only later; all that is asked of them is a sum.
PROPHET_SIMT_ATOMIC(atomicAdd,
                    PROPHET_SIMT_IS(int, unsigned, unsigned long long, float, double) || std::is_class_v<T>,
                    old + value)
PROPHET_SIMT_ATOMIC(atomicSub, PROPHET_SIMT_IS(int, unsigned), old - value)
PROPHET_SIMT_ATOMIC(atomicExch, PROPHET_SIMT_IS(int, unsigned, unsigned long long, float),
                    (static_cast<void>(old), value))
PROPHET_SIMT_ATOMIC(atomicMin, PROPHET_SIMT_IS(int, unsigned, long long, unsigned long long),
                    value < old ? value : old)
PROPHET_SIMT_ATOMIC(atomicMax, PROPHET_SIMT_IS(int, unsigned, long long, unsigned long long),
                    old < value ? value : old)
PROPHET_SIMT_ATOMIC(atomicAnd, PROPHET_SIMT_IS(int, unsigned, unsigned long long), old& value)
PROPHET_SIMT_ATOMIC(atomicOr, PROPHET_SIMT_IS(int, unsigned, unsigned long long), old | value)
PROPHET_SIMT_ATOMIC(atomicXor, PROPHET_SIMT_IS(int, unsigned, unsigned long long), old ^ value)
PROPHET_SIMT_ATOMIC(atomicInc, PROPHET_SIMT_IS(unsigned), old >= value ? 0U : old + 1U)
PROPHET_SIMT_ATOMIC(atomicDec, PROPHET_SIMT_IS(unsigned), old == 0U || old > value ? value : old - 1U)
#undef PROPHET_SIMT_ATOMIC
#undef PROPHET_SIMT_ATOMIC_ONE

#define PROPHET_SIMT_ATOMIC_CAS(function)                                                            \
  template <class T>                                                                                 \
  T function(T* place, std::type_identity_t<T> expected, std::type_identity_t<T> value) {            \
    static_assert(PROPHET_SIMT_IS(int, unsigned, unsigned short, unsigned long long),                \
                  #function " has no such type in CUDA");                                            \
    return prophet::simt::replace(place, [=](T old) -> T { return old == expected ? value : old; }); \
  }
PROPHET_SIMT_ATOMIC_CAS(atomicCAS)
PROPHET_SIMT_ATOMIC_CAS(atomicCAS_block)
PROPHET_SIMT_ATOMIC_CAS(atomicCAS_system)
#undef PROPHET_SIMT_ATOMIC_CAS
#undef PROPHET_SIMT_IS
