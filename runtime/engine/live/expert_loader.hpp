#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/expert_layout.hpp"
#include "runtime/model/checkpoint.hpp"
#include "runtime/model/decoder_config.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

/// How slabs hold a live model's experts: "bf16", "fp16", "fp32", "fp8" (e4m3, a scale a row), "int8" (a
/// scale a row), "int4" (groups of 32), "mxfp4". Throws Error{usage} for another name, listing these.
[[nodiscard]] kernels::ExpertFormat parse_expert_format(std::string_view name);

/// The name that parse_expert_format reads as `format`.
[[nodiscard]] std::string_view expert_format_name(kernels::ExpertFormat format) noexcept;

/// The layout of one expert's slab. Without a format it is the checkpoint's own (fp8 as bf16, which holds
/// each of its values). Throws Error{bad_input} for widths that the format cannot cut into its groups, and
/// for experts that are stored in several dtypes.
[[nodiscard]] kernels::SlabLayout live_expert_layout(const Checkpoint& checkpoint,
                                                     const DecoderConfig& config,
                                                     std::optional<kernels::ExpertFormat> format);

/// Bytes of an expert as the checkpoint stores it: of the largest one, where dtypes differ.
[[nodiscard]] std::uint64_t stored_expert_bytes(const Checkpoint& checkpoint, const DecoderConfig& config);

/// Lays each expert of the checkpoint out as one contiguous block, converted where the layout's format is not
/// the stored one: to the nearest code (kernels/expert_quantise.hpp). The checkpoint must outlive it. It
/// throws Error{bad_input} for values that are not finite where they have to be scaled.
[[nodiscard]] ExpertFiller checkpoint_experts(const Checkpoint& checkpoint, const DecoderConfig& config,
                                              const kernels::SlabLayout& layout);

}  // namespace prophet
