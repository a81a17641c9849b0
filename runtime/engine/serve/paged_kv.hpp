#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine/serve/kv_space.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet {

/// How a KvCache stands in a serving engine.
struct PagedKvOptions {
  KvPagePlan plan;
  std::uint64_t slab_stride_bytes = 0;  ///< of the arena
  std::uint32_t slabs = 0;              ///< of the arena
  std::uint32_t requests = 0;           ///< of the run
  std::uint32_t running_max = 1;
  std::uint32_t context_tokens_max = 1;
  std::uint32_t chunk_tokens_max = 1;  ///< appended at once at most
  std::uint64_t host_bytes = 0;        ///< to swap to
};

/// The KvSpace over runtime/kv. No allocation after construction but in vectors that soon have their size.
class PagedKv final : public KvSpace {
 public:
  /// Throws as KvCache and PageGrid::plan do.
  explicit PagedKv(const PagedKvOptions& options);

  void add_slab(SlabId slab) override;
  [[nodiscard]] std::optional<Removal> plan_removal() override;
  void give_up(const Removal& plan) override;
  [[nodiscard]] std::uint32_t find_prefix(std::span<const std::uint32_t> tokens) const override;
  [[nodiscard]] std::optional<std::uint32_t> admit(RequestId request, std::span<const std::uint32_t> tokens,
                                                   std::uint32_t chunk) override;
  [[nodiscard]] bool append(RequestId request, std::span<const std::uint32_t> tokens) override;
  void release(RequestId request) override;
  [[nodiscard]] std::optional<std::span<const KvHostCopy>> swap_out(RequestId request) override;
  [[nodiscard]] std::optional<std::span<const KvHostCopy>> swap_in(RequestId request) override;
  void begin_pass() override { cache_.pool().begin_step(++pass_); }
  void end_pass() override { cache_.pool().end_step(pass_); }

  /// All pages of layers without a window; of those with one what the window and one chunk need.
  [[nodiscard]] std::uint64_t pages_for(std::uint32_t tokens) const override;
  [[nodiscard]] std::uint64_t page_bytes() const noexcept override { return grid_.page_bytes; }
  [[nodiscard]] std::uint64_t pages_per_slab() const noexcept override { return grid_.pages_per_slab; }
  [[nodiscard]] std::uint64_t pages() const noexcept override { return cache_.pool().lent_pages(); }
  [[nodiscard]] std::uint64_t free_pages() const noexcept override { return cache_.pool().free_pages(); }
  [[nodiscard]] std::uint32_t slabs() const noexcept override {
    return static_cast<std::uint32_t>(slabs_.size());
  }
  void check_invariants() const override { cache_.check_invariants(); }

  [[nodiscard]] const KvCache& cache() const noexcept { return cache_; }

 private:
  [[nodiscard]] std::size_t emptiest() noexcept;
  [[nodiscard]] std::span<const KvHostCopy> host_copies(std::span<const KvSwap> swaps);

  PagedKvOptions options_;
  PageGrid grid_;
  KvCache cache_;
  std::vector<SlabId> slabs_;
  std::vector<KvSequenceId> sequences_;  ///< [requests]
  std::vector<KvMove> moves_;
  std::vector<KvHostCopy> host_copies_;
  std::size_t cursor_ = 0;  ///< into slabs_: where the search for an empty one goes on
  std::uint64_t pass_ = 0;
};

}  // namespace prophet
