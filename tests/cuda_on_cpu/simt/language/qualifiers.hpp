#pragma once

// Before any of NVIDIA's headers: they define these only where nobody has.
//
// A block runs wholly on one OS thread, so that shared memory is thread-local memory. The tag becomes a part
// of the variable's mangled name; by it the executor finds all of them in the program's symbol table and
// poisons them before each block. Under AddressSanitizer, which guards globals but no thread-local variables,
// they are globals, and blocks run one at a time.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PROPHET_SIMT_SHARED_IS_GLOBAL
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PROPHET_SIMT_SHARED_IS_GLOBAL
#endif

#ifdef PROPHET_SIMT_SHARED_IS_GLOBAL
#define __shared__ __attribute__((abi_tag("prophet_shared"), used)) static
#else
// __thread, as thread_local would allow constructors, and shared memory has none.
#define __shared__ __attribute__((abi_tag("prophet_shared"), used)) static __thread
#endif
#define __launch_bounds__(...)
#define __cluster_dims__(...)

// clang knows it, and so does nvcc.
#if !defined(__clang__)
#define __builtin_assume(condition) static_cast<void>(0)
#endif
