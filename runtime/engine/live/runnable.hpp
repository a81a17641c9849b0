#pragma once

#include "kernels/router_topk.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {

/// How the model's routers choose.
[[nodiscard]] kernels::RouterRule router_rule(const DecoderConfig& config) noexcept;

/// Throws Error{bad_input} for a model that reads well, but whose heads or routers no kernel takes: to be
/// called before its weights are loaded.
void require_runnable(const DecoderConfig& config);

}  // namespace prophet
