#include "runtime/model/model_bytes.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t group_values = 32;

std::uint64_t grouped_bytes(std::uint64_t values, std::uint64_t scale_bytes) {
  return checked_mul(ceil_div(values, group_values), group_values / 2 + scale_bytes, "bytes of a row");
}

std::uint64_t rows_bytes(std::uint64_t rows, std::uint64_t values, Dtype dtype, std::string_view what) {
  return checked_mul(rows, row_bytes(values, dtype), what);
}

bool is_plain_float(Dtype dtype) {
  return dtype == Dtype::fp32 || dtype == Dtype::bf16 || dtype == Dtype::fp16;
}

}  // namespace

std::uint64_t row_bytes(std::uint64_t values, Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return checked_mul(values, 4, "bytes of a row");
    case Dtype::bf16:
    case Dtype::fp16:
      return checked_mul(values, 2, "bytes of a row");
    case Dtype::fp8:
      return values;
    case Dtype::int8:
      return checked_add(values, 4, "bytes of a row");
    case Dtype::int4:
      return grouped_bytes(values, 2);
    case Dtype::mxfp4:
      return grouped_bytes(values, 1);
  }
  throw Error(ErrorCode::usage, fmt::format("dtype {}: not a known one", static_cast<int>(dtype)));
}

std::uint64_t expert_params(const ModelShape& model) {
  const auto matrix = checked_mul(model.hidden_size, model.expert_width, "parameters of one expert");
  return checked_add(checked_mul(matrix, model.expert_matrices, "parameters of one expert"),
                     model.expert_bias_params, "parameters of one expert");
}

std::uint64_t total_params(const ModelShape& model) {
  return checked_add(checked_mul(model.grid.size(), expert_params(model), "parameters of all experts"),
                     model.non_expert_params, "parameters of the model");
}

std::uint64_t expert_bytes(const ModelShape& model, Dtype dtype) {
  constexpr std::string_view what = "bytes of one expert";
  const auto into_rows = checked_mul(model.expert_matrices - 1, model.expert_width, what);
  const auto into = rows_bytes(into_rows, model.hidden_size, dtype, what);
  const auto out = rows_bytes(model.hidden_size, model.expert_width, dtype, what);
  const auto biases = row_bytes(model.expert_bias_params, is_plain_float(dtype) ? dtype : model.dtype);
  const auto bytes = checked_add(checked_add(into, out, what), biases, what);
  if (bytes > limits::expert_bytes_max) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{} matrices of {} x {} in {} make an expert of {} bytes; expected at most {}",
                            model.expert_matrices, model.hidden_size, model.expert_width, dtype_name(dtype),
                            bytes, limits::expert_bytes_max));
  }
  return bytes;
}

std::uint64_t non_expert_bytes(const ModelShape& model, Dtype dtype) {
  constexpr std::string_view what = "bytes of the non-expert parameters";
  if (model.hidden_size == 0 || model.non_expert_params == 0) return 0;
  const auto rows = model.non_expert_params / model.hidden_size;
  const auto rest = model.non_expert_params % model.hidden_size;
  const auto whole = rows_bytes(rows, model.hidden_size, dtype, what);
  return rest == 0 ? whole : checked_add(whole, row_bytes(rest, dtype), what);
}

std::uint64_t lookup_bytes(const ModelShape& model, Dtype dtype) {
  if (model.hidden_size == 0) return 0;
  return rows_bytes(model.lookup_params / model.hidden_size, model.hidden_size, dtype,
                    "bytes of the input embeddings");
}

std::uint64_t kv_bytes_per_token(const KvLayers& run, Dtype dtype) {
  constexpr std::string_view what = "KV bytes of a token";
  switch (run.kind) {
    case KvKind::none:
      return 0;
    case KvKind::latent: {
      const auto values = checked_add(run.kv_lora_rank, run.qk_rope_head_dim, what);
      return rows_bytes(run.layers, values, dtype, what);
    }
    case KvKind::grouped_query:
    case KvKind::sliding_window: {
      const auto rows = checked_mul(checked_mul(run.layers, run.kv_heads, what), 2, what);
      return rows_bytes(rows, run.head_dim, dtype, what);
    }
  }
  throw Error(ErrorCode::usage, fmt::format("KV kind {}: not a known one", static_cast<int>(run.kind)));
}

std::uint64_t kv_bytes_per_token(const ModelShape& model, Dtype dtype) {
  std::uint64_t bytes = 0;
  for (const auto& run : model.kv)
    bytes = checked_add(bytes, kv_bytes_per_token(run, dtype), "KV bytes of a token");
  return bytes;
}

}  // namespace prophet
