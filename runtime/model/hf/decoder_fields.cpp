#include "runtime/model/hf/decoder_fields.hpp"

#include <fmt/format.h>

#include "prophet/limits.hpp"

namespace prophet::hf {
namespace {

constexpr double rope_theta_max = 1e12;

double theta_of(const JsonFields& fields, double fallback) {
  return fields.has("rope_theta") ? fields.number("rope_theta", 1, rope_theta_max) : fallback;
}

void check_is_plain(const JsonFields& rope) {
  const auto kind = rope.first_of({"rope_type", "type"});
  if (rope.has(kind) && !rope.is_text(kind, "default")) {
    rope.refuse(kind, "default: scaled rotary embeddings are not computed");
  }
}

void check_is_whole_head(const JsonFields& fields) {
  constexpr std::string_view field = "partial_rotary_factor";
  if (fields.has(field) && fields.number(field, 0, 1) != 1) {
    fields.refuse(field, "1: rotary embeddings of a part of the head are not computed");
  }
}

std::vector<std::uint32_t> windows_of_types(const JsonFields& config, const Architecture& a) {
  std::vector<std::uint32_t> windows(a.layers, 0);
  const auto types = config.texts("layer_types");
  for (std::size_t layer = 0; layer < types.size(); ++layer) {
    if (types[layer] == "sliding_attention") {
      windows[layer] = a.window_tokens;
    } else if (types[layer] != "full_attention") {
      config.refuse("layer_types", "full_attention and sliding_attention");
    }
  }
  return windows;
}

}  // namespace

double read_rope_theta(const JsonFields& config, double fallback) {
  check_is_whole_head(config);
  const auto theta = theta_of(config, fallback);
  const auto field = config.first_of({"rope_scaling", "rope_parameters"});
  if (!config.has(field)) return theta;
  const auto rope = config.child(field);
  check_is_plain(rope);
  check_is_whole_head(rope);
  return theta_of(rope, theta);
}

std::vector<std::uint32_t> decoder_windows(const JsonFields& config, DecoderFamily family,
                                           const Architecture& a) {
  if (a.recurrent_layers > 0) config.refuse("layer_types", "full_attention and sliding_attention");
  if (a.window_layers == 0) return std::vector<std::uint32_t>(a.layers, 0);
  if (family == DecoderFamily::mixtral) return std::vector<std::uint32_t>(a.layers, a.window_tokens);
  if (family == DecoderFamily::qwen2_moe) {
    const bool typed = config.has("layer_types");
    if (typed && config.flag_or("use_sliding_window", false)) return windows_of_types(config, a);
    config.refuse("use_sliding_window", typed ? "true, as layer_types has windows"
                                              : "false, or layer_types that say which layers have a window");
  }
  config.refuse("sliding_window", "none: this family's implementations do not agree on windows");
}

std::vector<std::uint32_t> read_ids(const JsonFields& config, std::string_view field, std::uint32_t max) {
  if (!config.has(field)) return {};
  if (config.has_array(field)) return config.counts(field, max);
  return {config.count(field, 0, max)};
}

}  // namespace prophet::hf
