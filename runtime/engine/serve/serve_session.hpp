#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/engine/serve/serve_options.hpp"
#include "runtime/engine/serve/serve_result.hpp"
#include "runtime/engine/serve/server.hpp"
#include "runtime/kv/kv_geometry.hpp"
#include "runtime/model/model_shape.hpp"
#include "runtime/trace/requests/request_record.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What all rows of a table share.
struct ServeSetting {
  std::string device = "sim:h100-80gb";
  std::uint64_t memory_bytes = 0;  ///< of the device; 0: what it has
  ModelShape model;
  Workload workload;
  Dtype kv_dtype = Dtype::bf16;
  std::uint32_t page_tokens = 0;  ///< 0: as it wastes least
  std::uint32_t staging_slabs = 0;
  std::string policy = "lfu";
  double load = 1;
  std::uint64_t seed = 1;
  bool check_happens_before = false;
  ServeOptions options;  ///< but for where the boundary stands
};

/// How the memory of a session is divided, in bytes and slabs.
struct ServeMemory {
  std::uint64_t device_bytes = 0;
  double link_bytes_per_s = 0;
  std::uint64_t resident_bytes = 0;  ///< always-resident weights and activations
  std::uint64_t slab_bytes = 0;      ///< of one slab
  std::uint32_t slabs = 0;           ///< that experts and KV share
  std::uint32_t staging_slabs = 0;
  std::uint32_t page_tokens = 0;
  std::uint64_t page_bytes = 0;
  std::uint32_t pages_per_slab = 0;
  double waste = 0;  ///< share of a lent slab that can hold no token
};

/// Serves the same requests again and again, each time with the boundary between experts and KV elsewhere.
/// The trace, sequences and requests must outlive it.
class ServeSession {
 public:
  /// Throws Error{out_of_memory} when the device cannot hold what is always resident and two slabs.
  ServeSession(const RoutingTrace& trace, std::span<const SequenceId> sequences,
               std::span<const RequestRecord> requests, ServeSetting setting);

  /// `kv_share` of the slabs are the KV cache's for the whole run.
  [[nodiscard]] ServeResult fixed(double kv_share);
  /// Every expert is resident before the first request, and the rest is the KV cache's. Nothing when that
  /// leaves no slab for it.
  [[nodiscard]] std::optional<ServeResult> all_resident();
  /// The controller moves the boundary, which begins at a tenth for the KV cache.
  [[nodiscard]] ServeResult adaptive();

  [[nodiscard]] const ServeMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] const ServeSetting& setting() const noexcept { return setting_; }
  [[nodiscard]] const DeviceInfo& device_info() const noexcept { return info_; }

 private:
  void plan_pages();
  [[nodiscard]] std::uint32_t context_tokens_max() const;
  [[nodiscard]] ServeResult run(const BoundaryOptions& boundary, bool preload);

  const RoutingTrace& trace_;
  std::span<const RequestRecord> requests_;
  ServeSetting setting_;
  RoutingRows rows_;
  ServeMemory memory_;
  KvPagePlan pages_;
  DeviceInfo info_;
};

}  // namespace prophet
