#include "bench/analytic/several_gpus.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "prophet/error.hpp"

namespace prophet::analytic {
namespace {

constexpr double ns_per_s = 1e9;
constexpr double bf16_bytes = 2;
/// Behind attention and behind the feed-forward; to the experts and back.
constexpr double exchanges_per_layer = 2;

/// Of the GPU that has most.
template <typename Count>
Count share_of(Count count, std::uint32_t gpus) {
  return (count + gpus - 1) / gpus;
}

bool cuts_a_head(const ModelShape& shape, std::uint32_t gpus) {
  const std::uint32_t kv_heads = kv_heads_of(shape);
  if (shape.heads % gpus != 0) return true;
  return kv_heads != 0 && kv_heads % gpus != 0 && gpus % kv_heads != 0;
}

std::vector<std::uint32_t> counts_that_cut_no_head(const ModelShape& shape) {
  std::vector<std::uint32_t> counts;
  for (std::uint32_t gpus = 1; gpus <= gpus_max; ++gpus) {
    if (!cuts_a_head(shape, gpus)) counts.push_back(gpus);
  }
  return counts;
}

[[noreturn]] void refuse_tensor(const CatalogueModel& model, std::uint32_t gpus) {
  if (!model.shape) {
    throw Error(ErrorCode::usage,
                "--parallel tensor: the study does not say which of its bytes every GPU would hold; expected "
                "--parallel expert, or --catalogue real");
  }
  throw Error(ErrorCode::usage,
              fmt::format("--gpus {} --parallel tensor: does not divide the {} query and {} KV heads of {}; "
                          "expected one of {}",
                          gpus, model.shape->heads, kv_heads_of(*model.shape), model.model.name,
                          fmt::join(counts_that_cut_no_head(*model.shape), ", ")));
}

[[noreturn]] void refuse_expert(const CatalogueModel& model, std::uint32_t gpus) {
  throw Error(
      ErrorCode::usage,
      fmt::format("--gpus {} --parallel expert: {} has {} experts of a layer; expected at most as many GPUs",
                  gpus, model.model.name, model.model.experts));
}

std::uint64_t non_expert_share(const ModelShape& shape, std::uint32_t gpus) {
  const std::uint64_t rest = shape.non_expert_params - shape.repeated_params - shape.kv_projection_params;
  const std::uint32_t kv_parts = std::min(gpus, std::max(1U, kv_heads_of(shape)));
  return shape.repeated_params + share_of(shape.kv_projection_params, kv_parts) + share_of(rest, gpus);
}

/// Biases of the way in are divided with their width, those of the way out are whole.
std::uint32_t bias_share(const ModelShape& shape, std::uint32_t gpus) {
  if (shape.expert_bias_params == 0) return 0;
  return share_of(shape.expert_bias_params - shape.hidden_size, gpus) + shape.hidden_size;
}

}  // namespace

Parallel parse_parallel(std::string_view name) {
  if (name == "tensor") return Parallel::tensor;
  if (name == "expert") return Parallel::expert;
  throw Error(ErrorCode::usage, fmt::format("--parallel '{}': expected tensor or expert", name));
}

const char* parallel_name(Parallel parallel) noexcept {
  return parallel == Parallel::tensor ? "tensor" : "expert";
}

std::uint32_t kv_heads_of(const ModelShape& shape) {
  std::uint32_t heads = 0;
  for (const KvLayers& run : shape.kv) heads = std::max(heads, run.kv_heads);
  return heads;
}

bool can_be_divided(const CatalogueModel& model, const Division& division) {
  if (division.gpus == 1) return true;
  if (division.parallel == Parallel::expert) return division.gpus <= model.model.experts;
  return model.shape && !cuts_a_head(*model.shape, division.gpus);
}

void check_division(const CatalogueModel& model, const Division& division) {
  if (can_be_divided(model, division)) return;
  division.parallel == Parallel::tensor ? refuse_tensor(model, division.gpus)
                                        : refuse_expert(model, division.gpus);
}

ModelShape tensor_share(const ModelShape& shape, std::uint32_t gpus) {
  ModelShape part = shape;
  part.non_expert_params = non_expert_share(shape, gpus);
  part.lookup_params = share_of(shape.lookup_params, gpus);
  part.shared_expert_params = share_of(shape.shared_expert_params, gpus);
  part.heads = share_of(shape.heads, gpus);
  part.expert_width = share_of(shape.expert_width, gpus);
  part.expert_bias_params = bias_share(shape, gpus);
  part.ffn_width = share_of(shape.ffn_width, gpus);
  part.query_values = share_of(shape.query_values, gpus);
  part.recurrent_state_values = share_of(shape.recurrent_state_values, gpus);
  for (KvLayers& run : part.kv) run.kv_heads = share_of(run.kv_heads, gpus);
  return part;
}

AnalyticModel expert_share(AnalyticModel model, std::uint32_t gpus) {
  model.expert_gpus = gpus;
  return model;
}

AnalyticModel share_of_gpu(const CatalogueModel& model, const Division& division) {
  if (division.gpus == 1) return model.model;
  if (division.parallel == Parallel::expert) return expert_share(model.model, division.gpus);
  AnalyticModel share = real_model(tensor_share(*model.shape, division.gpus));
  share.cache_experts = model.model.cache_experts;
  return share;
}

std::optional<PeerExchange> peer_exchange(const AnalyticModel& share, const Division& division,
                                          std::uint64_t batch, const GpuProfile& gpu) {
  const bool tensor = division.parallel == Parallel::tensor;
  const auto layers = tensor ? share.layers : share.moe_layers;
  if (division.gpus == 1 || !layers || !share.hidden_size) return std::nullopt;
  const double leaving = static_cast<double>(division.gpus - 1) / division.gpus;
  const auto sequences = static_cast<double>(sequences_of_gpu(share, batch));
  const double rows = tensor ? 2 * sequences : share.top_k * sequences;
  const double bytes = exchanges_per_layer * *layers * leaving * rows * *share.hidden_size * bf16_bytes;
  PeerExchange exchange;
  exchange.bytes = static_cast<std::uint64_t>(std::llround(bytes));
  if (gpu.peer_bytes_per_s != 0)
    exchange.ns = static_cast<std::uint64_t>(std::llround(bytes / gpu.peer_bytes_per_s * ns_per_s));
  return exchange;
}

}  // namespace prophet::analytic
