#pragma once

#include <vector>

#include "runtime/model/architecture.hpp"
#include "runtime/model/json_fields.hpp"

/// One reader a family of Hugging Face architectures: each fills the sizes, the feed-forward and the
/// attention of `a` from the fields of a config.json (its text_config where it has one). Dtypes are read for
/// all alike. Throws Error{bad_input}.
namespace prophet::hf {

void read_mixtral(const JsonFields& config, Architecture& a);
void read_olmoe(const JsonFields& config, Architecture& a);
void read_phi_moe(const JsonFields& config, Architecture& a);
void read_arctic(const JsonFields& config, Architecture& a);
void read_grok1(const JsonFields& config, Architecture& a);
void read_grok2(const JsonFields& config, Architecture& a);
void read_qwen2_moe(const JsonFields& config, Architecture& a);
void read_qwen3_moe(const JsonFields& config, Architecture& a);
void read_deepseek(const JsonFields& config, Architecture& a);
void read_deepseek_v2(const JsonFields& config, Architecture& a);
void read_deepseek_v3(const JsonFields& config, Architecture& a);
void read_glm4_moe(const JsonFields& config, Architecture& a);
void read_gpt_oss(const JsonFields& config, Architecture& a);
void read_minimax_text(const JsonFields& config, Architecture& a);
void read_minimax_m2(const JsonFields& config, Architecture& a);
void read_llama4(const JsonFields& config, Architecture& a);
void read_dbrx(const JsonFields& config, Architecture& a);
void read_jamba(const JsonFields& config, Architecture& a);
void read_switch(const JsonFields& config, Architecture& a);

/// Which of the a.layers layers of a Qwen MoE have experts.
[[nodiscard]] std::vector<bool> qwen_moe_layers(const JsonFields& config, const Architecture& a);

}  // namespace prophet::hf
