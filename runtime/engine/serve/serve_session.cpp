#include "runtime/engine/serve/serve_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prophet/error.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/make_device.hpp"
#include "runtime/engine/kv_geometry_of.hpp"
#include "runtime/engine/measure_link.hpp"
#include "runtime/engine/serve/paged_kv.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t link_probe_bytes = 64ULL << 20;

std::unique_ptr<Device> open_device(const ServeSetting& setting) {
  DeviceOptions options;
  options.memory_bytes = setting.memory_bytes;
  options.check_happens_before = setting.check_happens_before;
  return make_device(setting.device, options);
}

std::uint32_t tokens_max(const ServeOptions& options) {
  return std::max(options.running_max, options.prefill_chunk_tokens);
}

}  // namespace

ServeSession::ServeSession(const RoutingTrace& trace, std::span<const SequenceId> sequences,
                           std::span<const RequestRecord> requests, ServeSetting setting)
    : trace_(trace), requests_(requests), setting_(std::move(setting)), rows_(trace, sequences) {
  const std::unique_ptr<Device> device = open_device(setting_);
  info_ = device->info();
  RunningCurve curve(setting_.workload.grid);
  const ServedModel model(*device, trace_, setting_.workload, tokens_max(setting_.options),
                          setting_.options.prefill_routing, curve, setting_.seed);
  memory_.device_bytes = info_.memory_bytes;
  memory_.link_bytes_per_s =
      measure_link_bytes_per_s(*device, std::min(link_probe_bytes, info_.memory_bytes / 4));
  memory_.resident_bytes = model.device_bytes();
  memory_.slab_bytes = Arena::plan(setting_.workload.expert_bytes, 1).stride_bytes;
  memory_.staging_slabs = setting_.staging_slabs;
  const std::uint64_t left = memory_.device_bytes - std::min(memory_.device_bytes, memory_.resident_bytes);
  const std::uint64_t slabs = left / memory_.slab_bytes;
  if (slabs < memory_.staging_slabs + 2ULL) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("{} bytes of {} are left beside what is always resident: expected room for {} "
                            "staging slabs and two more of {} bytes",
                            left, info_.name, memory_.staging_slabs, memory_.slab_bytes));
  }
  memory_.slabs = static_cast<std::uint32_t>(slabs) - memory_.staging_slabs;
  plan_pages();
}

void ServeSession::plan_pages() {
  const KvGeometry geometry = kv_geometry_of(setting_.model, setting_.kv_dtype);
  pages_ = setting_.page_tokens == 0
               ? propose_pages(geometry, memory_.slab_bytes)
               : prophet::plan_pages(geometry, memory_.slab_bytes, setting_.page_tokens);
  memory_.page_tokens = pages_.geometry.groups.front().page_tokens;
  memory_.page_bytes = pages_.geometry.page_bytes;
  memory_.pages_per_slab = pages_.pages_per_slab;
  memory_.waste = pages_.waste;
}

std::uint32_t ServeSession::context_tokens_max() const {
  std::uint32_t most = 1;
  for (const RequestRecord& request : requests_)
    most = std::max(most, request.prompt_tokens + request.output_tokens);
  return most;
}

ServeResult ServeSession::fixed(double kv_share) {
  BoundaryOptions boundary;
  boundary.kv_slabs = std::max(1U, static_cast<std::uint32_t>(std::lround(kv_share * memory_.slabs)));
  return run(boundary, false);
}

std::optional<ServeResult> ServeSession::all_resident() {
  const std::uint32_t experts = setting_.workload.grid.size();
  if (memory_.slabs <= experts) return std::nullopt;
  BoundaryOptions boundary;
  boundary.kv_slabs = memory_.slabs - experts;
  return run(boundary, true);
}

ServeResult ServeSession::adaptive() {
  BoundaryOptions boundary = setting_.options.boundary;
  boundary.kv_slabs = std::max(1U, memory_.slabs / 10);  // lending is faster than taking back
  boundary.adaptive = true;
  return run(boundary, false);
}

ServeResult ServeSession::run(const BoundaryOptions& boundary, bool preload) {
  const std::unique_ptr<Device> device = open_device(setting_);
  const Workload& workload = setting_.workload;
  const HostStore store(*device, workload.grid, workload.expert_bytes, nullptr);
  ServeOptions options = setting_.options;
  options.boundary = boundary;
  RunningCurve curve(workload.grid);
  ServedModel model(*device, trace_, workload, tokens_max(options), options.prefill_routing, curve,
                    setting_.seed);
  EngineOptions engine;
  engine.cache = {memory_.slabs, memory_.staging_slabs};
  engine.verify = setting_.check_happens_before;
  PolicyOptions policy;
  policy.grid = workload.grid;
  policy.cache_slabs = memory_.slabs;
  StepLoop loop(*device, store, model, engine, make_policy(setting_.policy, policy), nullptr,
                tokens_max(options));
  PagedKvOptions paged;
  paged.plan = pages_;
  paged.requests = static_cast<std::uint32_t>(requests_.size());
  paged.running_max = options.running_max;
  paged.context_tokens_max = context_tokens_max();
  paged.chunk_tokens_max = options.prefill_chunk_tokens;
  paged.host_bytes = options.preemption == Preemption::swap ? options.host_bytes : 0;
  paged.leaving_max = std::max(paged.leaving_max, options.boundary.controller.moves_per_step_max);
  PagedKv kv(*device, loop, paged);
  ServeInput input;
  input.requests = requests_;
  input.load = setting_.load;
  input.rows = &rows_;
  input.attention = AttentionCost(setting_.model, setting_.kv_dtype);
  input.copy_ns = static_cast<double>(workload.expert_bytes) / memory_.link_bytes_per_s * 1e9;
  Server server({*device, loop, model, curve, kv}, input, options);
  if (preload) loop.preload();
  return server.run();
}

}  // namespace prophet
