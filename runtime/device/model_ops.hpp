#pragma once

#include <cstdint>
#include <span>

#include "kernels/expert_activation.hpp"
#include "kernels/kv_float.hpp"
#include "kernels/predictor_mlp.hpp"
#include "kernels/router_topk.hpp"
#include "runtime/device/buffer_view.hpp"

/// The operations that a live model's step is made of, beside ExpertOp: each is one kernel, whose header in
/// kernels/ has the formula and the order of its sums. Devices with bytes compute them. The sim has nothing
/// to compute with: it takes those that a replay submits, in whose time they count, and refuses the others
/// with Error{usage}.
///
/// All views are of device memory, begin on the size of what they hold (fp32 and u32 on 4 bytes) and may be
/// larger than the shape in brackets asks for; activations are fp32, ids and positions are 32 bits. What is
/// written overlaps nothing that is read unless said otherwise. What a view holds is seen by the device only:
/// an id or position out of range shows as not-a-numbers, or as a KV row that is not written.
///
/// A token's result depends on the token alone and not on who shares its batch, bit for bit.
namespace prophet {

/// A matrix of weights as a checkpoint stores it, [rows, columns] row by row.
struct WeightMatrix {
  BufferView data;
  kernels::FloatFormat format = kernels::FloatFormat::fp32;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

/// output[t] = row ids[t] of the table: kernels/embed.hpp.
struct EmbedOp {
  static constexpr const char* name = "embed";
  using is_model_op = void;
  WeightMatrix table;
  BufferView ids;     ///< [tokens]
  BufferView output;  ///< [tokens, table.columns]
  std::uint32_t tokens = 0;
};

/// output[r] = weight * rms_norm(input[r]): kernels/rms_norm.hpp. A norm of heads has rows = tokens * heads.
struct NormOp {
  static constexpr const char* name = "norm";
  using is_model_op = void;
  BufferView input;   ///< [rows, columns]
  BufferView output;  ///< [rows, columns]; may be `input`
  BufferView weight;  ///< [columns] in `format`
  kernels::FloatFormat format = kernels::FloatFormat::fp32;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  float epsilon = 0;
};

/// output[t] = (accumulate ? output[t] : 0) + weights * input[t] + bias: kernels/linear.hpp. The sim takes
/// it.
struct LinearOp {
  static constexpr const char* name = "linear";
  using is_model_op = void;
  using takes_simulated_time = void;
  WeightMatrix weights;
  BufferView bias;    ///< [weights.rows] in weights.format, or BufferView{}
  BufferView input;   ///< [tokens, weights.columns]
  BufferView output;  ///< [tokens, weights.rows]
  std::uint32_t tokens = 0;
  bool accumulate = false;
};

/// Rotary position embedding in place: kernels/rotary.hpp.
struct RotaryOp {
  static constexpr const char* name = "rotary";
  using is_model_op = void;
  BufferView values;     ///< [tokens, heads, head_dim]
  BufferView table;      ///< [positions it has, head_dim] fp32: cosines, then sines
  BufferView positions;  ///< [tokens]
  std::uint32_t tokens = 0;
  std::uint32_t heads = 0;
  std::uint32_t head_dim = 0;
};

/// A layer's pages, one behind the other, and the block table of its sequences: kernels/kv_pages.hpp.
struct KvPagesView {
  BufferView pages;        ///< begins on 16 bytes; page ids are below size_bytes / page_bytes
  BufferView block_table;  ///< [sequences, pages_max]
  kernels::FloatFormat format = kernels::FloatFormat::bf16;
  std::uint32_t page_tokens = 0;
  std::uint32_t page_bytes = 0;  ///< a multiple of 16
  std::uint32_t sequences = 0;   ///< rows of the block table
  std::uint32_t pages_max = 0;   ///< of one sequence
};

/// Writes K and V of a step's tokens into pages: kernels/kv_append.hpp. k and v begin on 16 bytes.
struct KvAppendOp {
  static constexpr const char* name = "kv_append";
  using is_model_op = void;
  KvPagesView kv;
  BufferView k;            ///< [tokens, kv_heads, head_dim]
  BufferView v;            ///< as k
  BufferView positions;    ///< [tokens]
  BufferView sequence_of;  ///< [tokens]: row of the block table
  std::uint32_t tokens = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
};

/// One query a row of the block table: kernels/paged_attention.hpp. The tokens of a prompt are rows of their
/// own, whose tables are equal and whose contexts grow by one.
struct AttentionOp {
  static constexpr const char* name = "attention";
  using is_model_op = void;
  KvPagesView kv;
  BufferView q;               ///< [kv.sequences, q_heads, head_dim], begins on 16 bytes
  BufferView output;          ///< as q
  BufferView context_tokens;  ///< [kv.sequences]
  std::uint32_t context_tokens_max = 0;
  std::uint32_t q_heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  float scale = 1;
  std::uint32_t window_tokens = 0;
};

/// The choice of experts and their weights: kernels/router_topk.hpp.
struct RouteOp {
  static constexpr const char* name = "route";
  using is_model_op = void;
  BufferView logits;   ///< [tokens, rule.experts]
  BufferView ids;      ///< [tokens, rule.top_k], written
  BufferView weights;  ///< [tokens, rule.top_k], written
  kernels::RouterRule rule;
  std::uint32_t tokens = 0;
};

/// hidden[t] += weighted sum of the experts' outputs + gate * shared expert: kernels/mix_experts.hpp. `slots`
/// is on the host and must stay valid until the operation has finished.
struct MixOp {
  static constexpr const char* name = "mix";
  using is_model_op = void;
  BufferView hidden;                     ///< [tokens, hidden_size], read and written
  BufferView outputs;                    ///< [rows, hidden_size]; unused with top_k 0
  BufferView weights;                    ///< [tokens, top_k]; unused with top_k 0
  BufferView shared;                     ///< [tokens, hidden_size], or BufferView{}
  BufferView shared_gate;                ///< [tokens], or BufferView{}
  std::span<const std::uint32_t> slots;  ///< [tokens, top_k], rows of `outputs`
  std::uint32_t tokens = 0;
  std::uint32_t top_k = 0;
  std::uint32_t hidden_size = 0;
};

/// gate[i] = activate(gate[i], up[i]): kernels/activate_rows.hpp.
struct ActivateOp {
  static constexpr const char* name = "activate";
  using is_model_op = void;
  BufferView gate;  ///< [values], read and written
  BufferView up;    ///< [values]; unused by an activation without it
  kernels::ExpertActivation activation = kernels::ExpertActivation::swiglu;
  std::uint64_t values = 0;
};

/// The logits of one net of the learned predictor: kernels/predictor_mlp.hpp, with relu. The sim takes it, in
/// whose time it counts, and computes nothing.
/// All but `ids` and b2 begin on 16 bytes.
struct PredictOp {
  static constexpr const char* name = "predict";
  using is_model_op = void;
  using takes_simulated_time = void;
  BufferView w1;      ///< [groups * experts, hidden] in `format`
  BufferView b1;      ///< [hidden]
  BufferView w2;      ///< [experts, hidden] in `format`
  BufferView b2;      ///< [experts]
  BufferView ids;     ///< [groups, lanes, ids_per_group]; one from `experts` on names none
  BufferView logits;  ///< [lanes, predictor_row_values(experts)], written
  kernels::FloatFormat format = kernels::FloatFormat::bf16;
  std::uint32_t groups = 0;
  std::uint32_t ids_per_group = 0;
  std::uint32_t experts = 0;
  std::uint32_t hidden = 0;  ///< a multiple of 8, not 0
  std::uint32_t lanes = 0;
};

/// An operation that only a device with bytes has, unless it takes simulated time.
template <class Op>
concept ModelOp = requires {
  typename Op::is_model_op;
};

/// An operation of which the sim knows how long it takes.
template <class Op>
concept SimulatedModelOp = ModelOp<Op> && requires {
  typename Op::takes_simulated_time;
};

}  // namespace prophet
