#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// The configurations of the published study: 16 models, 4 GPUs, 6 batches, in its order.
namespace prophet {

inline constexpr std::array<const char*, 16> study_models = {"mixtral-8x7b",
                                                             "mixtral-8x22b",
                                                             "deepseek-moe-16b",
                                                             "deepseek-v2",
                                                             "deepseek-v3",
                                                             "dbrx",
                                                             "grok-1",
                                                             "arctic",
                                                             "switch-base-128",
                                                             "switch-large-128",
                                                             "switch-xxl-128",
                                                             "jamba-1.5-large",
                                                             "qwen1.5-moe-a2.7b",
                                                             "qwen2-57b-a14b",
                                                             "qwen3-235b-a22b",
                                                             "olmoe-1b-7b"};
inline constexpr std::array<const char*, 4> study_gpus = {"v100-32gb", "a100-40gb", "a100-80gb", "h100-80gb"};
inline constexpr std::array<std::uint32_t, 6> study_batches = {1, 4, 8, 16, 32, 64};

/// Memory of study_gpus as the study counts it: the number in the name, in GB of 10^9 bytes, all of it free.
inline constexpr std::array<double, 4> study_gpu_gb = {32, 40, 80, 80};

}  // namespace prophet
