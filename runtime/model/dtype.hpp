#pragma once

#include <cstdint>
#include <string_view>

namespace prophet {

/// How weights or KV entries are stored.
enum class Dtype : std::uint8_t { fp32, bf16, fp16, fp8, int8, int4, mxfp4 };

[[nodiscard]] std::string_view dtype_name(Dtype dtype) noexcept;
/// Throws Error{usage} that lists the known names.
[[nodiscard]] Dtype parse_dtype(std::string_view name);

}  // namespace prophet
