#pragma once

#include "tests/cuda_on_cpu/simt/device_interface.hpp"

// Loads and stores with a hint for the caches, fences, and what has no other home.
#define PROPHET_SIMT_LOAD(function) \
  template <class T>                \
  T function(const T* place) {      \
    return *place;                  \
  }
PROPHET_SIMT_LOAD(__ldg)
PROPHET_SIMT_LOAD(__ldca)
PROPHET_SIMT_LOAD(__ldcg)
PROPHET_SIMT_LOAD(__ldcs)
PROPHET_SIMT_LOAD(__ldcv)
PROPHET_SIMT_LOAD(__ldlu)
#undef PROPHET_SIMT_LOAD

#define PROPHET_SIMT_STORE(function)                       \
  template <class T>                                       \
  void function(T* place, std::type_identity_t<T> value) { \
    *place = value;                                        \
  }
PROPHET_SIMT_STORE(__stwb)
PROPHET_SIMT_STORE(__stcg)
PROPHET_SIMT_STORE(__stcs)
PROPHET_SIMT_STORE(__stwt)
#undef PROPHET_SIMT_STORE

inline void __threadfence() {
  prophet::simt::fence();
}
inline void __threadfence_block() {
  prophet::simt::fence();
}
inline void __threadfence_system() {
  prophet::simt::fence();
}

inline void __nanosleep(unsigned) {
  prophet::simt::pause();
}
[[noreturn]] inline void __trap() {
  prophet::simt::device_failure("__trap() was called");
}
inline void __brkpt() {}
