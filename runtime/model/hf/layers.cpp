#include "runtime/model/hf/layers.hpp"

#include <fmt/format.h>

#include "prophet/limits.hpp"

namespace prophet::hf {

void set_moe_layers(const JsonFields& config, std::string_view field, std::uint32_t moe_layers,
                    Architecture& a) {
  if (moe_layers == 0)
    config.refuse(field, fmt::format("a value that leaves some of {} layers with experts", a.layers));
  a.moe_layers = moe_layers;
}

void set_window(std::uint32_t layers, std::uint32_t tokens, Architecture& a) {
  if (layers == 0 || tokens >= a.context_tokens) return;
  a.window_layers = layers;
  a.window_tokens = tokens;
}

void read_uniform_window(const JsonFields& config, Architecture& a) {
  if (config.has("sliding_window")) {
    set_window(a.layers, config.count("sliding_window", 1, limits::context_tokens_max), a);
  }
}

bool read_layer_types(const JsonFields& config, std::string_view window_field, Architecture& a) {
  constexpr std::string_view field = "layer_types";
  if (!config.has(field)) return false;
  const auto types = config.texts(field);
  if (types.size() != a.layers) config.refuse(field, fmt::format("{} texts, one a layer", a.layers));
  std::uint32_t windows = 0;
  std::uint32_t recurrent = 0;
  for (const auto& type : types) {
    if (type == "sliding_attention" || type == "chunked_attention") {
      ++windows;
    } else if (type == "linear_attention" || type == "mamba") {
      ++recurrent;
    } else if (type != "full_attention" && type != "attention") {
      config.refuse(
          field,
          "full_attention, sliding_attention, chunked_attention, linear_attention, attention or mamba");
    }
  }
  a.recurrent_layers = recurrent;
  if (windows > 0) set_window(windows, config.count(window_field, 1, limits::context_tokens_max), a);
  return true;
}

}  // namespace prophet::hf
