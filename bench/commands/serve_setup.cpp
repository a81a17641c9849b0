#include "bench/commands/serve_setup.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/commands/serve_scenario.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/log.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/trace/requests/request_reader.hpp"

namespace prophet {
namespace {

void require(bool holds, const char* option, double value, const char* expected) {
  if (!holds) throw Error(ErrorCode::usage, fmt::format("{} {}: expected {}", option, value, expected));
}

void check(const ServeSetup& setup) {
  require(setup.memory_gib >= 0 && setup.memory_gib <= 1 << 20, "--memory-gib", setup.memory_gib,
          "0, for all that the device has, to 1048576");
  require(setup.load > 0 && setup.load <= 1e6, "--load", setup.load, "more than 0, at most 1000000");
  require(setup.batch_max >= 1 && setup.batch_max <= limits::lanes_max, "--batch-max", setup.batch_max,
          "1 to 1024 requests");
  require(setup.prefill_chunk_tokens >= 1 && setup.prefill_chunk_tokens <= limits::prefill_chunk_tokens_max,
          "--prefill-chunk", setup.prefill_chunk_tokens, "1 to 65536 tokens");
  require(setup.watermark >= 0 && setup.watermark < 1, "--watermark", setup.watermark, "a share below 1");
  require(setup.first_token_ms > 0 && setup.first_token_ms <= 1e9, "--first-token-ms", setup.first_token_ms,
          "more than 0, at most 1000000000");
  require(setup.between_tokens_ms > 0 && setup.between_tokens_ms <= 1e9, "--between-tokens-ms",
          setup.between_tokens_ms, "more than 0, at most 1000000000");
  for (const double share : setup.kv_shares)
    require(share > 0 && share < 1, "--kv-share", share, "shares of the slabs, more than 0 and below 1");
  require(setup.moves_per_step >= 1 && setup.moves_per_step <= 4096, "--moves-per-step", setup.moves_per_step,
          "1 to 4096 slabs");
  require(setup.window_steps >= 1, "--window-steps", setup.window_steps, "at least 1");
  require(setup.hysteresis >= 0 && setup.hysteresis <= 100, "--hysteresis", setup.hysteresis, "0 to 100");
  require(setup.oracle_windows >= 1 && setup.oracle_windows <= 1000, "--oracle-windows", setup.oracle_windows,
          "1 to 1000");
  if (policy_needs_training(setup.policy) || policy_is_bound(setup.policy)) {
    throw Error(
        ErrorCode::usage,
        fmt::format("--policy {}: serving runs what learns nothing beforehand and knows nothing of what "
                    "comes, expected lru, lfu, slru, arc or least-stale",
                    setup.policy));
  }
  if (!setup.source.train_trace.empty()) {
    throw Error(ErrorCode::usage,
                fmt::format("--train-trace {}: no policy of serving learns from a trace, expected none",
                            setup.source.train_trace));
  }
  if (setup.device.rfind("sim:", 0) != 0) {
    throw Error(
        ErrorCode::usage,
        fmt::format("--device {}: serving is simulated in virtual time, expected sim:PROFILE", setup.device));
  }
}

std::vector<RequestRecord> choose_requests(const ServeSetup& setup) {
  const std::uint64_t most = setup.requests_max == 0 ? 0 : setup.skip_requests + setup.requests_max;
  std::vector<RequestRecord> requests = load_requests(setup.requests, most);
  if (setup.skip_requests >= requests.size()) {
    throw Error(ErrorCode::usage, fmt::format("--skip-requests {}: {} has {} requests, expected fewer",
                                              setup.skip_requests, setup.requests, requests.size()));
  }
  requests.erase(requests.begin(), requests.begin() + static_cast<std::ptrdiff_t>(setup.skip_requests));
  const std::uint64_t first_ns = requests.front().arrival_ns;
  for (RequestRecord& request : requests) request.arrival_ns -= first_ns;
  return requests;
}

ServeSetting setting_of(const ServeSetup& setup, const TraceToReplay& source) {
  ServeSetting setting;
  setting.device = setup.device;
  setting.memory_bytes = static_cast<std::uint64_t>(setup.memory_gib * 1024 * 1024 * 1024);
  setting.model = source.model;
  const Dtype dtype =
      setup.expert_dtype.empty() ? source.model.expert_dtype : parse_dtype(setup.expert_dtype);
  setting.workload = real_workload(source.model, dtype);
  setting.workload.grid = source.trace.shape().grid;
  setting.workload.top_k = source.trace.shape().top_k;
  setting.kv_dtype = parse_dtype(setup.kv_dtype);
  setting.page_tokens = setup.page_tokens;
  setting.staging_slabs = setup.staging_slabs;
  setting.policy = setup.policy;
  setting.load = setup.load;
  setting.seed = setup.seed;
  ServeOptions& options = setting.options;
  options.running_max = setup.batch_max;
  options.context_tokens_max = setup.context_max != 0 ? setup.context_max : source.model.context_tokens;
  options.prefill_chunk_tokens = setup.prefill_chunk_tokens;
  options.watermark = setup.watermark;
  options.preemption = parse_preemption(setup.preemption);
  options.prefill_routing = parse_prefill_routing(setup.prefill_routing);
  options.limits.first_token_ns = static_cast<std::uint64_t>(setup.first_token_ms * 1e6);
  options.limits.between_tokens_ns = static_cast<std::uint64_t>(setup.between_tokens_ms * 1e6);
  ControllerOptions& controller = options.boundary.controller;
  controller.moves_per_step_max = setup.moves_per_step;
  controller.window_steps = setup.window_steps;
  controller.hysteresis = setup.hysteresis;
  return setting;
}

double gigabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / 1e9;
}

}  // namespace

std::unique_ptr<LoadedServe> load_serve(const ServeSetup& setup) {
  set_quiet(setup.quiet);
  check(setup);
  check_one_stdout(setup.json_path, setup.csv_path);
  check_writable(setup.json_path);
  check_writable(setup.csv_path);
  auto loaded = std::make_unique<LoadedServe>();
  loaded->requests = choose_requests(setup);
  loaded->source = setup.scenario.empty() ? load_trace_to_replay(setup.source, false, setup.seed)
                                          : synthesise_scenario(setup);
  loaded->session = std::make_unique<ServeSession>(loaded->source.trace, loaded->source.split.test,
                                                   loaded->requests, setting_of(setup, loaded->source));
  return loaded;
}

std::string serve_preamble(const ServeSetup& setup, const LoadedServe& loaded) {
  const ServeMemory& memory = loaded.session->memory();
  const Workload& w = loaded.session->setting().workload;
  const double span_s = static_cast<double>(loaded.requests.back().arrival_ns) / 1e9 / setup.load;
  std::string text = fmt::format(
      "requests  {}: {} requests in {:.1f} s, arrivals {} times as fast as recorded\n"
      "routing   {}{}: {} sequences, stitched; prefill routing: {}\n"
      "model     {}{}: {} MoE layers x {} experts, top-{}; an expert is {:.3f} MB\n"
      "device    {}: all times are SIMULATED; link {:.2f} GB/s as measured on it\n",
      setup.requests, loaded.requests.size(), span_s, setup.load, setup.source.trace,
      loaded.source.trace.provenance().synthetic ? ", SYNTHETIC" : "", loaded.source.split.test.size(),
      setup.prefill_routing, loaded.source.sizes_only ? "the sizes of " : "", loaded.source.model.name,
      w.grid.layers, w.grid.experts, w.top_k, static_cast<double>(w.expert_bytes) / 1e6,
      loaded.session->device_info().name, memory.link_bytes_per_s / 1e9);
  text += fmt::format(
      "memory    {:.2f} GB: {:.2f} GB always resident, {} staging slabs, {} slabs of {:.3f} MB that {} "
      "experts "
      "and KV share\n"
      "pages     {} tokens of one layer, {} bytes; {} a slab, of which {:.2f} % can hold no token\n"
      "limits    first token {:.0f} ms, between tokens {:.0f} ms on average\n",
      gigabytes(memory.device_bytes), gigabytes(memory.resident_bytes), memory.staging_slabs, memory.slabs,
      static_cast<double>(memory.slab_bytes) / 1e6, w.grid.size(), memory.page_tokens, memory.page_bytes,
      memory.pages_per_slab, memory.waste * 100, setup.first_token_ms, setup.between_tokens_ms);
  text += "command   " + command_line_text() + "\n";
  return text;
}

nlohmann::json serve_provenance(const ServeSetup& setup, const LoadedServe& loaded) {
  nlohmann::json provenance = provenance_json();
  add_trace_provenance(provenance, setup.source.trace, loaded.source.trace);
  add_device_provenance(provenance, loaded.session->device_info());
  const ServeMemory& memory = loaded.session->memory();
  const ServeSetting& setting = loaded.session->setting();
  provenance["scenario"] = nullptr;
  if (!setup.scenario.empty()) provenance["scenario"] = setup.scenario;
  provenance["requests"] = setup.requests;
  provenance["requests_served"] = loaded.requests.size();
  provenance["requests_skipped"] = setup.skip_requests;
  provenance["load"] = setup.load;
  provenance["model"] = loaded.source.model.name;
  provenance["model_source"] = loaded.source.model.source;
  provenance["sizes_only"] = loaded.source.sizes_only;
  provenance["sequences_replayed"] = loaded.source.split.test.size();
  provenance["prefill_routing"] = setup.prefill_routing;
  provenance["expert_bytes"] = setting.workload.expert_bytes;
  provenance["kv_dtype"] = setup.kv_dtype;
  provenance["resident_bytes"] = memory.resident_bytes;
  provenance["slab_bytes"] = memory.slab_bytes;
  provenance["slabs"] = memory.slabs;
  provenance["staging_slabs"] = memory.staging_slabs;
  provenance["page_tokens"] = memory.page_tokens;
  provenance["page_bytes"] = memory.page_bytes;
  provenance["pages_per_slab"] = memory.pages_per_slab;
  provenance["page_waste"] = memory.waste;
  provenance["link_bytes_per_s"] = memory.link_bytes_per_s;
  provenance["policy"] = setup.policy;
  provenance["batch_max"] = setup.batch_max;
  provenance["context_tokens_max"] = setting.options.context_tokens_max;
  provenance["prefill_chunk_tokens"] = setup.prefill_chunk_tokens;
  provenance["preemption"] = setup.preemption;
  provenance["watermark"] = setup.watermark;
  provenance["first_token_limit_ns"] = setting.options.limits.first_token_ns;
  provenance["between_tokens_limit_ns"] = setting.options.limits.between_tokens_ns;
  provenance["moves_per_step_max"] = setup.moves_per_step;
  provenance["window_steps"] = setup.window_steps;
  provenance["hysteresis"] = setup.hysteresis;
  provenance["seed"] = setup.seed;
  return provenance;
}

}  // namespace prophet
