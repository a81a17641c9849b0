#pragma once

#include <span>

#include "runtime/model/safetensors/safetensors_file.hpp"

namespace prophet {

/// True for the dtypes whose values Prophet reads: BF16, F16, F32 and F8_E4M3.
[[nodiscard]] bool has_readable_values(TensorDtype dtype) noexcept;

/// True for those of them of which each value, infinities and NaN included, is one of bf16: BF16 and F8_E4M3.
[[nodiscard]] bool converts_exactly_to_bf16(TensorDtype dtype) noexcept;

/// Writes the values of `tensor` in its order as fp32; each is exact. F8_E4M3 is the variant without
/// infinities (E4M3FN), whose one NaN is S.1111.111. Throws Error{bad_input} for a dtype that is not
/// readable, and Error{usage} when `values` has not exactly the tensor's elements.
void copy_values(const TensorView& tensor, std::span<float> values);

}  // namespace prophet
