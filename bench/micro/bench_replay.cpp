// Whole replays on the sim device: what a user waits for. Wall time of the program, not simulated time.
#include <benchmark/benchmark.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bench/micro/bench_main.hpp"
#include "bench/micro/request_streams.hpp"
#include "runtime/engine/replay_session.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet::micro {
namespace {

constexpr std::uint64_t steps = 60'000;

/// gpt-oss-20b's shape; sequences enough that half of them, left over by training, last for all steps.
RoutingTrace synthetic_trace() {
  SynthOptions options;
  options.model = "gpt-oss-20b";
  options.sequences = 640;
  return synthesise(options);
}

void replay_once(const RoutingTrace& trace) {
  const SequenceSplit split = split_sequences(trace, sequence_flags::repetitive, 0.5, 1);
  SessionOptions options;
  options.device = "sim:h100-80gb";
  options.steps = steps;
  ReplaySession session(trace, split, real_workload(load_model("gpt-oss-20b"), Dtype::mxfp4), options,
                        nullptr);
  ReplayCase what;
  what.policy = "lru";
  what.predictor = "transition";
  what.slabs = session.workload().grid.size() / 4;
  what.staging_slabs = session.workload().top_k;
  const ReplayRow row = session.run(what);
  benchmark::DoNotOptimize(row.metrics.total.requests);
}

void register_replay(const std::string& name, std::shared_ptr<const RoutingTrace> trace) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [trace = std::move(trace)](benchmark::State& state) {
                                 for (auto _ : state) replay_once(*trace);
                               })
      ->Unit(benchmark::kSecond)
      ->Iterations(1);
}

}  // namespace

void register_benchmarks() {
  if (std::optional<RoutingTrace> traced = traced_routing()) {
    register_replay("sim_replay_60000_steps/trace", std::make_shared<const RoutingTrace>(std::move(*traced)));
  } else {
    register_replay("sim_replay_60000_steps/synthetic",
                    std::make_shared<const RoutingTrace>(synthetic_trace()));
  }
}

}  // namespace prophet::micro
