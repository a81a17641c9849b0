#pragma once

#include <cstdint>

#include "kernels/activate_rows.hpp"
#include "kernels/embed.hpp"
#include "kernels/kv_append.hpp"
#include "kernels/linear.hpp"
#include "kernels/mix_experts.hpp"
#include "kernels/paged_attention.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/rotary.hpp"
#include "kernels/router_topk.hpp"
#include "runtime/device/model_ops.hpp"

namespace prophet::cpu {

/// The operations of runtime/device/model_ops.hpp with their views resolved to addresses.
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

}  // namespace prophet::cpu
