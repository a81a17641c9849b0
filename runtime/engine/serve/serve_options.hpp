#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/engine/serve/boundary_controller.hpp"
#include "runtime/engine/serve/served_model.hpp"

namespace prophet {

/// What becomes of a running request whose pages another one needs.
enum class Preemption : std::uint8_t {
  recompute,  ///< it gives them up, and computes its tokens again later
  swap,       ///< they are copied to the host and back; when the host has no room: recompute
};
/// Throws Error{usage} for another name than "recompute" or "swap".
[[nodiscard]] Preemption parse_preemption(std::string_view name);

/// A request is good when its first token comes within `first_token_ns` of its arrival and its further tokens
/// within `between_tokens_ns` of each other on average.
struct ServeLimits {
  std::uint64_t first_token_ns = 10'000'000'000;
  std::uint64_t between_tokens_ns = 200'000'000;
};

/// Where the boundary between experts and KV stands.
struct BoundaryOptions {
  std::uint32_t kv_slabs = 0;  ///< lent to the KV cache before the first request
  bool adaptive = false;       ///< and moved by the controller afterwards
  ControllerOptions controller;
};

struct ServeOptions {
  std::uint32_t running_max = 64;                        ///< requests that hold pages at the same time
  std::uint32_t context_tokens_max = ~std::uint32_t{0};  ///< longer requests are refused
  std::uint32_t prefill_chunk_tokens = 2048;  ///< prompt tokens of one pass, of all requests together
  double watermark = 0.01;                    ///< share of the pages that an admission leaves free
  Preemption preemption = Preemption::recompute;
  PrefillRouting prefill_routing = PrefillRouting::rows;
  std::uint64_t host_bytes = 16ULL << 30;  ///< host memory to swap to
  ServeLimits limits;
  BoundaryOptions boundary;
};

}  // namespace prophet
