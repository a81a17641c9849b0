#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/model/architecture.hpp"
#include "runtime/model/json_fields.hpp"

/// Which layers are MoE layers, and which have which attention.
namespace prophet::hf {

/// How many of `layers` layers, numbered from 0, satisfy `is_such`.
template <class Predicate>
[[nodiscard]] std::uint32_t count_layers(std::uint32_t layers, Predicate is_such) {
  std::uint32_t count = 0;
  for (std::uint32_t layer = 0; layer < layers; ++layer) count += is_such(layer) ? 1 : 0;
  return count;
}

/// Sets a.moe_layers; `field` names the field to blame when no layer is left with experts.
void set_moe_layers(const JsonFields& config, std::string_view field, std::uint32_t moe_layers,
                    Architecture& a);

/// Lets `layers` layers keep at most `tokens` tokens; a window as long as the context is none.
void set_window(std::uint32_t layers, std::uint32_t tokens, Architecture& a);

/// sliding_window on every layer, as Mixtral has it; absent means none.
void read_uniform_window(const JsonFields& config, Architecture& a);

/// Reads layer_types, one text a layer: full, sliding, chunked or linear attention, attention or mamba.
/// Windows get the tokens of `window_field`; returns false when the field is absent and changes nothing then.
bool read_layer_types(const JsonFields& config, std::string_view window_field, Architecture& a);

}  // namespace prophet::hf
