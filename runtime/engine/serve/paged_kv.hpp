#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine/kv_tenant.hpp"
#include "runtime/engine/serve/kv_space.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet {

/// How a KvCache stands in a serving engine.
struct PagedKvOptions {
  KvPagePlan plan;
  std::uint32_t requests = 0;  ///< of the run
  std::uint32_t running_max = 1;
  std::uint32_t context_tokens_max = 1;
  std::uint32_t chunk_tokens_max = 1;  ///< appended at once at most
  std::uint64_t host_bytes = 0;        ///< to swap to
  std::uint32_t leaving_max = 4;       ///< see KvTenantOptions
};

/// The KvSpace over runtime/kv, in the slabs of a StepLoop: a KvCache, and a KvTenant that does on the device
/// what it decides. No allocation after construction but in vectors that soon have their size.
class PagedKv final : public KvSpace {
 public:
  /// The device and the loop must outlive it. Throws as KvCache, PageGrid::plan and KvTenant do.
  PagedKv(Device& device, StepLoop& loop, const PagedKvOptions& options);

  [[nodiscard]] bool lend() override;
  [[nodiscard]] bool take_back() override;
  void pump() override { (void)tenant_.pump(); }
  void settle() override;
  [[nodiscard]] std::uint64_t moved_pages() const noexcept override { return tenant_.moved_pages(); }
  [[nodiscard]] std::uint32_t find_prefix(std::span<const std::uint32_t> tokens) const override;
  [[nodiscard]] std::optional<std::uint32_t> admit(RequestId request, std::span<const std::uint32_t> tokens,
                                                   std::uint32_t chunk) override;
  [[nodiscard]] bool append(RequestId request, std::span<const std::uint32_t> tokens) override;
  void release(RequestId request) override;
  [[nodiscard]] std::optional<std::uint64_t> swap_out(RequestId request) override;
  [[nodiscard]] std::optional<std::uint64_t> swap_in(RequestId request) override;
  /// Where the device has refused copies that the books count on, it is asked again, refusals_max times.
  void begin_pass() override;
  void end_pass() override { tenant_.end_step(pass_); }

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
  static constexpr std::uint32_t refusals_max = 1000;

  [[nodiscard]] std::size_t emptiest() noexcept;

  Device& device_;
  StepLoop& loop_;
  std::uint32_t chunk_tokens_max_;
  PageGrid grid_;
  KvCache cache_;
  KvTenant tenant_;
  std::vector<SlabId> slabs_;
  std::vector<KvSequenceId> sequences_;  ///< [requests]
  std::size_t cursor_ = 0;               ///< into slabs_: where the search for an empty one goes on
  std::uint64_t pass_ = 0;
};

}  // namespace prophet
