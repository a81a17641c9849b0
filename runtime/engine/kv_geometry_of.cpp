#include "runtime/engine/kv_geometry_of.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t state_value_bytes = 2;

[[noreturn]] void refuse_dtype(const ModelShape& model, Dtype dtype, const char* cache,
                               const char* expected) {
  throw Error(ErrorCode::usage, fmt::format("KV dtype {}: {} has a {} cache, expected {}", dtype_name(dtype),
                                            model.name, cache, expected));
}

void check_dtype(const ModelShape& model, const KvLayers& run, Dtype dtype) {
  const bool is_16_bit = dtype == Dtype::bf16 || dtype == Dtype::fp16;
  if (run.kind == KvKind::latent && !is_16_bit) refuse_dtype(model, dtype, "latent", "bf16 or fp16");
  if (!is_16_bit && dtype != Dtype::fp32 && dtype != Dtype::fp8 && dtype != Dtype::int8)
    refuse_dtype(model, dtype, "grouped-query", "bf16, fp16, fp32, fp8 or int8");
}

KvGroup group_of(const KvLayers& run, Dtype dtype) {
  KvGroup group;
  group.layers = run.layers;
  group.token_bytes = kv_bytes_per_token(run, dtype) / run.layers;
  if (run.kind == KvKind::sliding_window) group.window_tokens = run.window_tokens;
  return group;
}

}  // namespace

KvGeometry kv_geometry_of(const ModelShape& model, Dtype dtype) {
  KvGeometry geometry;
  for (const KvLayers& run : model.kv) {
    if (run.kind == KvKind::none || run.layers == 0) continue;
    check_dtype(model, run, dtype);
    geometry.groups.push_back(group_of(run, dtype));
  }
  if (geometry.groups.empty()) {
    throw Error(
        ErrorCode::usage,
        fmt::format("{}: none of its {} layers keeps anything of a token, expected one with attention",
                    model.name, model.layers));
  }
  geometry.state_bytes = checked_mul(model.recurrent_state_values, state_value_bytes, "recurrent state");
  return geometry;
}

}  // namespace prophet
