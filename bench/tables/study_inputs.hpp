#pragma once

#include <array>
#include <cstdint>

/// What documents 000, 003 and 004 of the study compute with. Document 001 has other figures for the same
/// models (bench/analytic/data/study_catalogue.json), and the two are never mixed: each table follows its own
/// document. MB and GB are 10^6 and 10^9 bytes.
namespace prophet::tables::study_inputs {

/// A row of document 000, table 1.
struct ListedModel {
  const char* name;  ///< in runtime/model
  const char* label;
  double total_params_billions;
  double layers;
  double hidden_size;
  double experts;  ///< of one layer, shared ones among them
  double expert_mb;
  double non_expert_gb;
};
inline constexpr std::array listed_models = {
    ListedModel{"switch-base-128", "Switch-Base-128", 7.4, 12, 768, 128, 6.3, 0.5},
    ListedModel{"switch-large-128", "Switch-Large-128", 26.3, 24, 1024, 128, 25.2, 2.0},
    ListedModel{"switch-xxl-128", "Switch-XXL-128", 395, 24, 4096, 128, 100.8, 8.0},
    ListedModel{"qwen1.5-moe-a2.7b", "Qwen1.5-MoE-A2.7B", 14.3, 24, 2048, 64, 150, 2.5},
    ListedModel{"qwen2-57b-a14b", "Qwen3-MoE (~57B)", 57, 36, 3584, 64, 250, 8.0},
};

/// A model of document 003.
struct CountedModel {
  const char* name;  ///< in runtime/model
  const char* label;
  double total_params_billions;  ///< section 5.2
  double layers;
  double hidden_size;
  double routed_experts;  ///< of one layer
  double shared_experts;
  double expert_width;                ///< the summary's feed-forward size
  double expert_params_millions;      ///< the summary's
  double non_expert_params_billions;  ///< section 5.2: what is left of the total
  double expert_mb;                   ///< section 5.3; for Switch-XXL millions of parameters read as MB
  double summary_expert_mb;           ///< the summary's
  double kept_experts;                ///< routed ones of one layer that Prophet keeps: a fixed number
};
inline constexpr std::array counted_models = {
    CountedModel{"switch-base-128", "Switch-Base-128", 7.4, 12, 768, 128, 0, 2048, 3.15, 1.35, 6.3, 6.3, 16},
    CountedModel{"switch-large-128", "Switch-Large-128", 26.3, 24, 1024, 128, 0, 4096, 12.6, 4.3, 25.2, 25.2,
                 16},
    CountedModel{"switch-xxl-128", "Switch-XXL-128", 395, 24, 4096, 128, 0, 16384, 125, 11, 125, 250, 16},
    CountedModel{"qwen1.5-moe-a2.7b", "Qwen1.5-MoE-A2.7B", 14.3, 24, 2048, 60, 4, 8192, 75, 2.3, 150, 150,
                 12},
};
inline constexpr const CountedModel& counted_switch_xxl = counted_models[2];
inline constexpr const CountedModel& counted_qwen = counted_models[3];

/// Switch-XXL's memory as document 000 takes it in tables 2, 3, 4, 7 and 8, and document 004 in its
/// comparison.
namespace switch_xxl {
inline constexpr double layers = 24;
inline constexpr double hidden_size = 4096;
inline constexpr double experts = 128;
inline constexpr double expert_layer_gb = 16;  ///< 16e9 parameters of one layer, spent as bytes
inline constexpr double experts_gb = expert_layer_gb * layers;
inline constexpr double kept_experts = 16;    ///< by Prophet, at any batch
inline constexpr double static_experts = 40;  ///< that its improved baseline keeps
inline constexpr double non_expert_gb = 11;   ///< table 2; table 1 has 8
inline constexpr double activation_gb = 19.75;
inline constexpr double offload_gb = 16;  ///< documents 001 and 004: what an offload keeps on the GPU
}  // namespace switch_xxl

/// Switch-Large in tables 5, 8 and 9 of document 000, which do not agree with one another.
namespace switch_large {
inline constexpr double layers = 24;
inline constexpr double hidden_size = 1024;
inline constexpr double experts_gb = 24;  ///< table 8
inline constexpr double kept_share = 16.0 / 128;
inline constexpr double other_gb = 22;              ///< table 8: its fixed 46 GB less the experts
inline constexpr double baseline_rest_gb = 12.075;  ///< table 5: its totals less its KV
inline constexpr double prophet_rest_gb = 3.175;
}  // namespace switch_large

/// Qwen1.5-MoE in table 6 of document 000.
namespace qwen {
inline constexpr double layers = 24;
inline constexpr double hidden_size = 2048;
inline constexpr double expert_mb = 150;
inline constexpr double shared_experts = 4;
inline constexpr double routed_experts = 60;
inline constexpr double kept_experts = 12;
inline constexpr double non_expert_gb = 2.5;
inline constexpr double active_params_billions = 2.7;
inline constexpr double activation_share = 0.2;  ///< of active parameters, in billions read as GB
}  // namespace qwen

/// The batch of document 000's tables of memory, and the length of its first context.
inline constexpr std::uint32_t batch = 8;
inline constexpr std::uint32_t context_tokens = 2048;

/// K and V by its formula, 2 * batch * tokens * layers * hidden * 2 bytes.
[[nodiscard]] constexpr double kv_gb(double layers, double hidden_size, double batch_size, double tokens) {
  return 2 * batch_size * tokens * layers * hidden_size * 2 / 1e9;
}

}  // namespace prophet::tables::study_inputs
