#pragma once

#include <cstdint>

#include "kernels/activate_rows.hpp"
#include "kernels/embed.hpp"
#include "kernels/kv_append.hpp"
#include "kernels/linear.hpp"
#include "kernels/mix_experts.hpp"
#include "kernels/paged_attention.hpp"
#include "kernels/predictor_mlp.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/rotary.hpp"
#include "kernels/router_topk.hpp"
#include "runtime/device/buffer_table.hpp"
#include "runtime/device/model_ops.hpp"

namespace prophet {

// The operations of runtime/device/model_ops.hpp with their views resolved to addresses: what the kernels of
// each device are called with.
struct EmbedWork {
  static constexpr const char* name = EmbedOp::name;
  kernels::Embedding call;
};

struct NormWork {
  static constexpr const char* name = NormOp::name;
  kernels::RmsNorm call;
};

struct LinearWork {
  static constexpr const char* name = LinearOp::name;
  kernels::Linear call;
};

struct RotaryWork {
  static constexpr const char* name = RotaryOp::name;
  kernels::Rotary call;
};

struct KvAppendWork {
  static constexpr const char* name = KvAppendOp::name;
  kernels::KvPages pages;
  kernels::KvRows rows;
};

struct AttentionWork {
  static constexpr const char* name = AttentionOp::name;
  kernels::KvPages pages;
  kernels::PagedAttention call;
};

struct RouteWork {
  static constexpr const char* name = RouteOp::name;
  const float* logits = nullptr;  // [tokens, rule.experts]
  std::uint32_t* ids = nullptr;   // [tokens, rule.top_k]
  float* weights = nullptr;       // as ids
  kernels::RouterRule rule;
  std::uint32_t tokens = 0;
};

struct MixWork {
  static constexpr const char* name = MixOp::name;
  kernels::ExpertMix call;
};

struct ActivateWork {
  static constexpr const char* name = ActivateOp::name;
  kernels::ActivatedRows call;
};

struct PredictWork {
  static constexpr const char* name = PredictOp::name;
  kernels::PredictorWeights weights;
  kernels::PredictorInput input;
  float* logits = nullptr;  // [input.lanes, predictor_row_values(weights.experts)]
};

/// Turns the views of an operation that check_model_op has passed into addresses: those of the device, as the
/// table keeps them. MixWork's slots stay the caller's.
[[nodiscard]] EmbedWork resolve_model_op(const BufferTable& buffers, const EmbedOp& op);
[[nodiscard]] NormWork resolve_model_op(const BufferTable& buffers, const NormOp& op);
[[nodiscard]] LinearWork resolve_model_op(const BufferTable& buffers, const LinearOp& op);
[[nodiscard]] RotaryWork resolve_model_op(const BufferTable& buffers, const RotaryOp& op);
[[nodiscard]] KvAppendWork resolve_model_op(const BufferTable& buffers, const KvAppendOp& op);
[[nodiscard]] AttentionWork resolve_model_op(const BufferTable& buffers, const AttentionOp& op);
[[nodiscard]] RouteWork resolve_model_op(const BufferTable& buffers, const RouteOp& op);
[[nodiscard]] MixWork resolve_model_op(const BufferTable& buffers, const MixOp& op);
[[nodiscard]] ActivateWork resolve_model_op(const BufferTable& buffers, const ActivateOp& op);
[[nodiscard]] PredictWork resolve_model_op(const BufferTable& buffers, const PredictOp& op);

/// What a timeline shows as an operation's bytes: weights of a product, logits, rows of K and V or of
/// activations, or the rows of weights that a forecast reads.
[[nodiscard]] std::uint64_t bytes_of(const EmbedOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const NormOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const LinearOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const RotaryOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const KvAppendOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const AttentionOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const RouteOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const MixOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const ActivateOp& op) noexcept;
[[nodiscard]] std::uint64_t bytes_of(const PredictOp& op) noexcept;

}  // namespace prophet
