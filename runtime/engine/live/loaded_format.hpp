#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/expert_layout.hpp"
#include "runtime/engine/live/decoder_weights.hpp"
#include "runtime/engine/live/kv_memory.hpp"
#include "runtime/engine/live/live_model.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/model/checkpoint.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

/// What several formats of one model share. It must outlive them.
struct SharedModel {
  Device& device;
  const Checkpoint& checkpoint;
  const DecoderConfig& config;
  const DecoderWeights& weights;
};

struct LoadedFormatOptions {
  CacheSize cache;
  std::uint32_t context_tokens = 0;
  std::uint32_t pass_tokens = 0;  ///< at most in one pass
  kernels::FloatFormat kv_format = kernels::FloatFormat::fp32;
};

/// A model whose experts are held in one format, with a host store, slabs and a KV memory of its own, that
/// reads texts one window at a time. What is always resident it shares with its like. One host thread.
class LoadedFormat {
 public:
  /// Converts the experts. Throws Error{out_of_memory} when host or device cannot hold it; then nothing stays
  /// allocated.
  LoadedFormat(const SharedModel& shared, const kernels::SlabLayout& layout,
               const LoadedFormatOptions& options);

  /// The tokens of a window from position `first` on, behind those that it has read; 0 begins another window.
  void read(std::span<const std::uint32_t> ids, std::uint32_t first);
  /// [ids of the last read, vocab]. Valid until the next.
  [[nodiscard]] std::span<const float> logits() { return model_.logits(); }
  /// The experts chosen in the last read, [layers, ids, top_k], ascending for each token of each layer.
  [[nodiscard]] std::span<const ExpertId> chosen() const noexcept { return routing_.chosen(); }

  [[nodiscard]] const kernels::SlabLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::uint64_t slab_bytes() const noexcept { return loop_.slabs().arena().total_bytes(); }
  [[nodiscard]] std::uint64_t kv_bytes() const noexcept { return kv_.bytes(); }
  /// All device memory but the slabs; the shared weights count.
  [[nodiscard]] std::uint64_t model_bytes() const noexcept { return model_.device_bytes(); }

 private:
  class ChosenSets final : public RoutingSink {
   public:
    explicit ChosenSets(std::uint32_t top_k) : top_k_(top_k) {}
    void on_layer(const RoutedLayer& routed) override;
    [[nodiscard]] bool wants_weights() const override { return false; }
    void clear() noexcept { chosen_.clear(); }
    [[nodiscard]] std::span<const ExpertId> chosen() const noexcept { return chosen_; }

   private:
    std::uint32_t top_k_;
    std::vector<ExpertId> chosen_;
  };

  kernels::SlabLayout layout_;
  HostStore store_;
  KvMemory kv_;
  LiveModel model_;
  StepLoop loop_;
  ChosenSets routing_;
  std::vector<LiveToken> inputs_;
  std::vector<StepToken> tokens_;
};

}  // namespace prophet
