#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "runtime/engine/serve/kv_space.hpp"

namespace prophet {

/// Pages without sharing: for each request as many as its tokens need.
class PlainKv final : public KvSpace {
 public:
  PlainKv(std::uint64_t page_bytes, std::uint32_t page_tokens, std::uint32_t pages_per_slab)
      : page_bytes_(page_bytes), page_tokens_(page_tokens), per_slab_(pages_per_slab) {}

  void add_slab(SlabId slab) override { slabs_.push_back(slab); }
  [[nodiscard]] std::optional<Removal> plan_removal() override {
    if (slabs_.empty() || free_pages() < per_slab_) return std::nullopt;
    return Removal{slabs_.back(), {}};
  }
  void give_up(const Removal&) override { slabs_.pop_back(); }
  [[nodiscard]] std::uint32_t find_prefix(std::span<const std::uint32_t>) const override { return 0; }
  [[nodiscard]] std::optional<std::uint32_t> admit(RequestId request, std::span<const std::uint32_t>,
                                                   std::uint32_t chunk) override {
    if (pages_for(chunk) > free_pages()) return std::nullopt;
    tokens_[request.value] = chunk;
    held_ += pages_for(chunk);
    return 0;
  }
  [[nodiscard]] bool append(RequestId request, std::span<const std::uint32_t> tokens) override {
    std::uint32_t& have = tokens_[request.value];
    const std::uint64_t more = pages_for(have + static_cast<std::uint32_t>(tokens.size())) - pages_for(have);
    if (more > free_pages()) return false;
    have += static_cast<std::uint32_t>(tokens.size());
    held_ += more;
    return true;
  }
  void release(RequestId request) override {
    held_ -= pages_for(tokens_[request.value]);
    tokens_.erase(request.value);
  }
  [[nodiscard]] std::optional<std::span<const KvHostCopy>> swap_out(RequestId) override { return std::nullopt; }
  [[nodiscard]] std::optional<std::span<const KvHostCopy>> swap_in(RequestId) override { return std::nullopt; }
  void begin_pass() override {}
  void end_pass() override {}
  [[nodiscard]] std::uint64_t pages_for(std::uint32_t tokens) const override {
    return (tokens + page_tokens_ - 1) / page_tokens_;
  }
  [[nodiscard]] std::uint64_t page_bytes() const noexcept override { return page_bytes_; }
  [[nodiscard]] std::uint64_t pages_per_slab() const noexcept override { return per_slab_; }
  [[nodiscard]] std::uint64_t pages() const noexcept override { return slabs_.size() * per_slab_; }
  [[nodiscard]] std::uint64_t free_pages() const noexcept override { return pages() - held_; }
  [[nodiscard]] std::uint32_t slabs() const noexcept override {
    return static_cast<std::uint32_t>(slabs_.size());
  }
  void check_invariants() const override {}

 private:
  std::uint64_t page_bytes_;
  std::uint32_t page_tokens_;
  std::uint32_t per_slab_;
  std::uint64_t held_ = 0;
  std::vector<SlabId> slabs_;
  std::map<std::uint32_t, std::uint32_t> tokens_;
};

}  // namespace prophet
