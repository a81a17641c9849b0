#pragma once

#include <string_view>

#include "runtime/model/architecture.hpp"
#include "runtime/model/json_fields.hpp"

/// The parts that most families spell alike.
namespace prophet::hf {

/// num_hidden_layers, hidden_size, vocab_size, max_position_embeddings, tie_word_embeddings. Every layer is
/// an MoE layer until the family says otherwise.
void read_sizes(const JsonFields& config, Architecture& a);

/// num_attention_heads, num_key_value_heads, head_dim; the last two have their usual defaults.
void read_heads(const JsonFields& config, Architecture& a);

/// Checks that heads can be grouped; `heads` and `kv_heads` are the fields that they came from.
void check_heads(const JsonFields& config, std::string_view heads, std::string_view kv_heads,
                 const Architecture& a);

/// hidden_size / heads, which must divide.
[[nodiscard]] std::uint32_t default_head_dim(const JsonFields& config, std::string_view heads,
                                             const Architecture& a);

struct ExpertFields {
  std::string_view experts;
  std::string_view top_k;
  std::string_view width;
};

void read_experts(const JsonFields& config, const ExpertFields& fields, Architecture& a);

/// The width of the layers without experts; read only when there are such layers.
void read_dense_width(const JsonFields& config, std::string_view field, Architecture& a);

/// attention_bias: on Q, K, V and on the output.
void read_attention_bias(const JsonFields& config, Architecture& a);

/// Dtypes of the experts and of the rest: torch_dtype or dtype of `text` or `top`, then quantization_config.
/// Absent means bf16.
void read_dtypes(const JsonFields& top, const JsonFields& text, Architecture& a);

}  // namespace prophet::hf
