#pragma once

#include <cstddef>

#include "tests/cuda_on_cpu/simt/device_interface.hpp"

// <cuda_pipeline_primitives.h> becomes empty, as its copies would happen at once. <cuda_pipeline.h> also: a
// kernel that uses cuda::pipeline shall not compile here rather than hide a missing wait.
#define _CUDA_PIPELINE_PRIMITIVES_H_
#define _CUDA_PIPELINE_H_

inline void __pipeline_memcpy_async(void* shared, const void* global, std::size_t bytes,
                                    std::size_t zero_fill_bytes = 0) {
  prophet::simt::issue_copy(shared, global, bytes, zero_fill_bytes);
}
inline void __pipeline_commit() {
  prophet::simt::commit_copies();
}
/// NVIDIA's header knows no more than 8 groups in flight: beyond, it waits until 8 are left.
inline void __pipeline_wait_prior(std::size_t groups) {
  prophet::simt::wait_for_copies(groups < 8 ? groups : 8);
}
