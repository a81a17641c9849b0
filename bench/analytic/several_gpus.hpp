#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bench/analytic/analytic_model.hpp"
#include "runtime/model/gpu_profile.hpp"

/// A model divided over the GPUs of one machine: what one of them holds, as a model of its own that every
/// other formula takes, and what it exchanges with the others in a decode step. Where a share is no whole
/// number, it is the share of the GPU that has most.
namespace prophet::analytic {

enum class Parallel : std::uint8_t {
  tensor,  ///< each matrix divided, every GPU works on every sequence (Shoeybi et al. 2019, Megatron-LM)
  expert,  ///< experts and sequences divided, everything else on each GPU (Lepikhin et al. 2020, GShard)
};
/// "tensor" or "expert". Throws Error{usage} for another name.
[[nodiscard]] Parallel parse_parallel(std::string_view name);
[[nodiscard]] const char* parallel_name(Parallel parallel) noexcept;

/// GPUs of one machine; beyond it the exchange passes a network, of which no profile says anything.
inline constexpr std::uint32_t gpus_max = 8;

struct Division {
  std::uint32_t gpus = 1;
  Parallel parallel = Parallel::tensor;  ///< of one GPU it says nothing
};

/// KV heads of the layers with most; 0 where all keep a latent (MLA) or nothing.
[[nodiscard]] std::uint32_t kv_heads_of(const ModelShape& shape);

/// Whether check_division() accepts it.
[[nodiscard]] bool can_be_divided(const CatalogueModel& model, const Division& division);

/// Throws Error{usage} where the division cuts a head in two or leaves a GPU without an expert, and for
/// tensor parallelism of the study's catalogue, which does not say which of its bytes would be repeated.
void check_division(const CatalogueModel& model, const Division& division);

/// One GPU's part under tensor parallelism, as a model with the same layers and hidden size:
///   query heads, expert width and the widest other feed-forward / gpus
///   KV heads max(1, kv_heads / gpus); a latent (MLA) is kept whole, since all heads share it
///   non-expert = repeated + K and V projections / min(gpus, KV heads) + the rest / gpus
///   recurrent state and looked-up embeddings / gpus
/// Biases behind a sum over the GPUs, router logits and the logits of a token are whole on each.
[[nodiscard]] ModelShape tensor_share(const ModelShape& shape, std::uint32_t gpus);

/// One GPU's part under expert parallelism: experts and batch / gpus, see AnalyticModel::expert_gpus.
[[nodiscard]] AnalyticModel expert_share(AnalyticModel model, std::uint32_t gpus);

/// What one of the GPUs holds; of one GPU the model itself. REQUIRES: check_division() accepts it.
[[nodiscard]] AnalyticModel share_of_gpu(const CatalogueModel& model, const Division& division);

/// What one GPU sends to its peers in a decode step, which is as much as it receives, and how long that
/// takes. Activations are bf16, 2 bytes a value. With N GPUs
///   tensor: two all-reduces a layer, behind attention and behind the feed-forward, each of batch * hidden
///           values, of which a GPU sends every one 2 * (N - 1) / N times (nccl-tests, doc/PERFORMANCE.md)
///   expert: two all-to-alls a MoE layer, to the experts and back, each of the GPU's sequences * top_k *
///   hidden
///           values, of which uniform routing sends (N - 1) / N to other GPUs
/// No switch adds on the way, and every choice of a token is sent by itself, to two experts of a GPU twice.
/// Not counted: latencies, the one all-reduce behind divided embeddings and the gathering of logits.
struct PeerExchange {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> ns;  ///< none where the profile does not know its link to other GPUs
};

/// None of one GPU, and where the catalogue lacks a size. `share` is share_of_gpu().
[[nodiscard]] std::optional<PeerExchange> peer_exchange(const AnalyticModel& share, const Division& division,
                                                        std::uint64_t batch, const GpuProfile& gpu);

}  // namespace prophet::analytic
