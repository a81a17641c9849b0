#include "tests/engine/serve/serving_world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/decorators/forwarding_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/engine/serve/paged_kv.hpp"

namespace prophet::engine_test {
namespace {

/// Whether faults strike, and how many have.
struct Faults {
  Random random{0};
  double chance = 0;
  bool between_passes = false;
  std::uint64_t struck = 0;

  [[nodiscard]] bool strike() {
    if (!between_passes || !random.chance(chance)) return false;
    ++struck;
    return true;
  }
  void refuse(const char* call) {
    if (strike()) throw Error(ErrorCode::out_of_memory, fmt::format("{}: refused by plan", call));
  }
};

/// Refuses what is submitted between passes: moves of the boundary, and copies to the host and back.
class RefusingDevice final : public ForwardingDevice {
 public:
  RefusingDevice(std::unique_ptr<Device> inner, Faults& faults)
      : ForwardingDevice(std::move(inner)), faults_(faults) {}
  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override {
    faults_.refuse("copy");
    ForwardingDevice::copy(stream, destination, source, tag);
  }
  void record(StreamId stream, EventId event) override {
    faults_.refuse("record");
    ForwardingDevice::record(stream, event);
  }
  void wait(StreamId stream, EventId event) override {
    faults_.refuse("wait");
    ForwardingDevice::wait(stream, event);
  }

 private:
  Faults& faults_;
};

/// Has no room now and then, though there is some; tells the faults where passes begin and end.
class RefusingKv final : public KvSpace {
 public:
  RefusingKv(KvSpace& inner, Faults& faults) : inner_(inner), faults_(faults) {}

  bool lend() override { return inner_.lend(); }
  bool take_back() override { return !faults_.strike() && inner_.take_back(); }
  void pump() override { inner_.pump(); }
  void settle() override {
    faults_.between_passes = false;
    inner_.settle();
  }
  std::uint64_t moved_pages() const noexcept override { return inner_.moved_pages(); }
  std::uint32_t find_prefix(std::span<const std::uint32_t> tokens) const override {
    return inner_.find_prefix(tokens);
  }
  std::optional<std::uint32_t> admit(RequestId request, std::span<const std::uint32_t> tokens,
                                     std::uint32_t chunk) override {
    return faults_.strike() ? std::nullopt : inner_.admit(request, tokens, chunk);
  }
  bool append(RequestId request, std::span<const std::uint32_t> tokens) override {
    return !faults_.strike() && inner_.append(request, tokens);
  }
  void release(RequestId request) override { inner_.release(request); }
  std::optional<std::uint64_t> swap_out(RequestId request) override {
    return faults_.strike() ? std::nullopt : inner_.swap_out(request);
  }
  std::optional<std::uint64_t> swap_in(RequestId request) override {
    return faults_.strike() ? std::nullopt : inner_.swap_in(request);
  }
  void begin_pass() override {
    inner_.begin_pass();  // it asks the device again until it takes what the books count on
    faults_.between_passes = false;
  }
  void end_pass() override {
    inner_.end_pass();
    faults_.between_passes = true;
  }
  std::uint64_t pages_for(std::uint32_t tokens) const override { return inner_.pages_for(tokens); }
  std::uint64_t page_bytes() const noexcept override { return inner_.page_bytes(); }
  std::uint64_t pages_per_slab() const noexcept override { return inner_.pages_per_slab(); }
  std::uint64_t pages() const noexcept override { return inner_.pages(); }
  std::uint64_t free_pages() const noexcept override { return inner_.free_pages(); }
  std::uint32_t slabs() const noexcept override { return inner_.slabs(); }
  void check_invariants() const override { inner_.check_invariants(); }

 private:
  KvSpace& inner_;
  Faults& faults_;
};

std::vector<RequestRecord> draw_requests(Random& random, std::uint32_t context_max) {
  std::vector<RequestRecord> requests(4 + random.below(12));
  std::uint64_t at_ns = 0;
  const std::uint64_t gap_ns = 1 + random.below(2'000'000);
  for (RequestRecord& request : requests) {
    at_ns += random.below(gap_ns);
    request.arrival_ns = at_ns;
    request.output_tokens = static_cast<std::uint32_t>(1 + random.below(context_max / 3));
    request.prompt_tokens = static_cast<std::uint32_t>(1 + random.below(context_max - request.output_tokens));
    if (random.chance(0.5)) request.prefix_blocks = {random.below(3)};
  }
  return requests;
}

std::vector<Cancellation> draw_cancellations(Random& random, const std::vector<RequestRecord>& requests) {
  std::vector<Cancellation> cancellations;
  for (std::uint32_t r = 0; r < requests.size(); ++r) {
    if (!random.chance(0.15)) continue;
    cancellations.push_back({requests[r].arrival_ns + random.below(5'000'000), RequestId{r}});
  }
  std::sort(cancellations.begin(), cancellations.end(),
            [](const Cancellation& a, const Cancellation& b) { return a.time_ns < b.time_ns; });
  return cancellations;
}

std::optional<std::string> find_unfinished(const ServingPlan& plan, const ServeResult& result) {
  for (std::size_t r = 0; r < result.requests.size(); ++r) {
    const ServedRequest& request = result.requests[r];
    if (request.phase == RequestPhase::cancelled) continue;
    if (request.phase != RequestPhase::finished || request.generated_tokens != request.output_tokens)
      return fmt::format("request {} of {} has {} of its {} tokens", r, plan.requests.size(),
                         request.generated_tokens, request.output_tokens);
  }
  return std::nullopt;
}

}  // namespace

ServingPlan ServingPlan::draw(std::uint64_t seed) {
  Random random(seed);
  ServingPlan plan;
  plan.seed = seed;
  plan.scenario.layers = static_cast<std::uint32_t>(1 + random.below(3));
  plan.scenario.experts = static_cast<std::uint32_t>(3 + random.below(5));
  plan.scenario.seed = seed;
  plan.slabs = static_cast<std::uint32_t>(6 + random.below(14));
  plan.geometry.groups.push_back({static_cast<std::uint32_t>(1 + random.below(3)), 32, 0, 0});
  if (random.chance(0.5)) plan.geometry.groups.push_back({1, 32, 8, 0});
  ServeOptions& options = plan.options;
  options.running_max = static_cast<std::uint32_t>(1 + random.below(6));
  options.prefill_chunk_tokens = static_cast<std::uint32_t>(8 + random.below(40));
  options.preemption = random.chance(0.5) ? Preemption::swap : Preemption::recompute;
  options.prefill_routing = random.chance(0.5) ? PrefillRouting::all : PrefillRouting::rows;
  options.host_bytes = 1 + random.below(32) * 256;
  options.boundary.adaptive = random.chance(0.8);
  options.boundary.kv_slabs = static_cast<std::uint32_t>(plan.slabs / 2);
  options.boundary.controller.window_steps = static_cast<std::uint32_t>(1 + random.below(8));
  options.boundary.controller.agreeing_windows = static_cast<std::uint32_t>(1 + random.below(2));
  // One request alone fits half of the slabs: a page of 4 tokens takes 128 bytes, a slab has 4,608.
  const std::uint32_t pages = plan.slabs / 2 * 36;
  const std::uint32_t context_max = std::min(120U, pages / (plan.geometry.groups[0].layers + 1) * 4 / 2);
  plan.requests = draw_requests(random, context_max);
  plan.cancellations = draw_cancellations(random, plan.requests);
  if (random.chance(0.8)) plan.fault_chance = 0.02 + 0.3 * random.uniform();
  plan.fault_steps = 20 + random.below(200);
  plan.check_every = 1 + random.below(8);
  return plan;
}

std::string ServingPlan::describe() const {
  return fmt::format(
      "{} layers of {} experts, {} slabs, {} requests, at most {} run, chunks of {}, {}, {}, faults {:.2f} "
      "for "
      "{} steps",
      scenario.layers, scenario.experts, slabs, requests.size(), options.running_max,
      options.prefill_chunk_tokens, options.preemption == Preemption::swap ? "swap" : "recompute",
      options.boundary.adaptive ? "adaptive" : "fixed", fault_chance, fault_steps);
}

ServingOutcome serve(const ServingPlan& plan) {
  ServingOutcome outcome;
  const Scenario scenario(plan.scenario);
  const Workload& workload = scenario.workload();
  Faults faults;
  faults.random = Random(plan.seed + 1);
  faults.chance = plan.fault_chance;
  RefusingDevice device(make_sim_device(balanced_profile(), {0, plan.seed, true}), faults);
  const HostStore store(device, workload.grid, workload.expert_bytes, nullptr);
  RunningCurve curve(workload.grid);
  const std::uint32_t tokens_max = std::max(plan.options.running_max, plan.options.prefill_chunk_tokens);
  ServedModel model(device, scenario.trace(), workload, tokens_max, plan.options.prefill_routing, curve,
                    plan.seed);
  EngineOptions engine;
  engine.cache = {plan.slabs, plan.staging_slabs};
  PolicyOptions policy;
  policy.grid = workload.grid;
  policy.cache_slabs = plan.slabs;
  StepLoop loop(device, store, model, engine, make_policy("lfu", policy), nullptr, tokens_max);
  PagedKvOptions paged;
  paged.plan = plan_pages(plan.geometry, loop.slabs().arena().stride_bytes, 4);
  paged.requests = static_cast<std::uint32_t>(plan.requests.size());
  paged.running_max = plan.options.running_max;
  for (const RequestRecord& request : plan.requests) {
    paged.context_tokens_max =
        std::max(paged.context_tokens_max, request.prompt_tokens + request.output_tokens);
  }
  paged.chunk_tokens_max = plan.options.prefill_chunk_tokens;
  paged.host_bytes = plan.options.preemption == Preemption::swap ? plan.options.host_bytes : 0;
  PagedKv pages(device, loop, paged);
  RefusingKv kv(pages, faults);
  const RoutingRows rows(scenario.trace(), scenario.split().test);
  ServeInput input;
  input.requests = plan.requests;
  input.cancellations = plan.cancellations;
  input.rows = &rows;
  input.copy_ns = 1000;
  Server server({device, loop, model, curve, kv}, input, plan.options);
  constexpr std::uint64_t steps_max = 20'000;
  try {
    outcome.result = server.run([&](const Server& at) {
      if (at.steps() >= plan.fault_steps) faults.chance = 0;
      if (at.steps() % plan.check_every == 0) {
        kv.check_invariants();
        loop.cache().check_invariants();
      }
      return at.steps() < steps_max;
    });
  } catch (const Error& error) {
    outcome.wrong = error.what();
  }
  outcome.faults = faults.struck;
  faults.chance = 0;
  if (outcome.wrong) return outcome;
  if (auto unfinished = find_unfinished(plan, outcome.result)) outcome.wrong = unfinished;
  if (kv.free_pages() != kv.pages())
    outcome.wrong =
        fmt::format("{} of {} pages are held by nobody", kv.pages() - kv.free_pages(), kv.pages());
  if (loop.cache().lent_slabs() != kv.slabs())
    outcome.wrong =
        fmt::format("{} slabs are lent, the pages have {}", loop.cache().lent_slabs(), kv.slabs());
  return outcome;
}

}  // namespace prophet::engine_test
