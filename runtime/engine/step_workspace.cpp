#include "runtime/engine/step_workspace.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/checked.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

constexpr std::string_view what = "workspace of a step";

/// K and V, or the latent, of one token in one layer.
std::uint64_t kv_values(const ModelShape& model) {
  std::uint64_t values = 0;
  for (const KvLayers& run : model.kv) {
    if (run.layers != 0) values = std::max(values, kv_bytes_per_token(run, Dtype::fp8) / run.layers);
  }
  return values;
}

/// Numbers that a step keeps of each of its tokens.
std::uint64_t values_of_token(const ModelShape& model) {
  const std::uint64_t hidden = model.hidden_size;
  const std::array<std::uint64_t, 8> rows = {
      2 * hidden,                              // residual stream, normed
      2 * std::uint64_t{model.query_values},   // q, attended
      kv_values(model),                        // k, v
      model.grid.experts,                      // router logits
      2 * std::uint64_t{model.top_k},          // choices, weights
      checked_mul(hidden, model.top_k, what),  // outputs of the routed experts
      2 * std::uint64_t{model.ffn_width},      // gate and up of the feed-forward beside them
      model.ffn_width == 0 ? 0 : hidden,       // and its output
  };
  std::uint64_t sum = 0;
  for (const std::uint64_t row : rows) sum = checked_add(sum, row, what);
  return sum;
}

}  // namespace

std::uint64_t step_workspace_bytes(const ModelShape& model, std::uint32_t step_tokens,
                                   std::uint32_t sequences) {
  const std::uint64_t tokens = std::max(step_tokens, sequences);
  const std::uint64_t rows = checked_mul(tokens, values_of_token(model), what);
  const std::uint64_t logits = checked_mul(sequences, model.vocab_size, what);
  return checked_mul(checked_add(rows, logits, what), sizeof(float), what);
}

}  // namespace prophet
