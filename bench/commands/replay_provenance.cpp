#include "bench/commands/replay_provenance.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/report/provenance.hpp"
#include "runtime/base/version.hpp"
#include "runtime/memory/arena.hpp"

namespace prophet {
namespace {

std::string device_line(const DeviceInfo& device, double link_bytes_per_s) {
  if (!device.times_mean_something) return fmt::format("device  {}\n", device.name);
  return fmt::format("device  {}{}; link {:.2f} GB/s as measured on it\n", device.name,
                     device.simulated ? ": all times are SIMULATED" : ": wall clock", link_bytes_per_s / 1e9);
}

/// How the host store came to be pinned.
std::string pinned_line(const CudaMemoryReport& memory, bool has_times) {
  return fmt::format("pinned  {:.2f} GB and {} bytes in excess, {}, {}{}\n",
                     static_cast<double>(memory.pinned_bytes) / 1e9, memory.pinned_excess_bytes, memory.pages,
                     memory.numa,
                     has_times ? fmt::format("; mapped in {:.2f} s, registered in {:.2f} s",
                                             static_cast<double>(memory.map_ns) / 1e9,
                                             static_cast<double>(memory.register_ns) / 1e9)
                               : "");
}

/// Which experts the library computes.
std::string crossover_line(std::optional<std::uint32_t> crossover_rows) {
  if (!crossover_rows) return "experts by the few-token kernel, whatever their rows\n";
  return fmt::format("experts by cuBLAS from {} rows on, below by the few-token kernel\n", *crossover_rows);
}

std::string gigabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

std::string trace_lines(const TraceSetup& setup, const TraceToReplay& source) {
  const TraceProvenance& origin = source.trace.provenance();
  std::string text =
      fmt::format("trace   {}: {}{}\n", setup.trace,
                  origin.model.empty() || origin.model == "unknown" ? "model not named" : origin.model,
                  origin.synthetic ? ", SYNTHETIC" : "");
  if (!origin.source.empty())
    text += fmt::format("        {} ({})\n", origin.source,
                        origin.licence == "unknown" ? "licence unknown" : origin.licence);
  const std::size_t sequences = source.trace.sequences().size() - source.train_sequences;
  if (source.train_trace.empty()) {
    return text + fmt::format("        {} sequences: {} replayed, {} for training, {} skipped by flags {}\n",
                              sequences, source.split.test.size(), source.split.train.size(),
                              source.split.skipped, setup.skip_flags);
  }
  return text + fmt::format(
                    "        {} sequences: {} replayed, {} skipped by flags {}; {} for training from "
                    "{}\n",
                    sequences, source.split.test.size(), source.split.skipped, setup.skip_flags,
                    source.split.train.size(), source.train_trace);
}

std::string model_line(const TraceToReplay& source, const Workload& workload) {
  return fmt::format(
      "model   {}: {} MoE layers x {} experts, top-{}; an expert is {:.3f} MB{}\n",
      source.sizes_only ? fmt::format("the routing of {} with experts of {}'s size",
                                      source.trace.provenance().model, source.model.name)
                        : source.model.name,
      workload.grid.layers, workload.grid.experts, workload.top_k,
      static_cast<double>(workload.expert_bytes) / 1e6,
      workload.scale > 1.0 ? fmt::format(", the real size divided by {:.1f}", workload.scale) : "");
}

}  // namespace

std::string replay_preamble(const ReplaySetup& setup, LoadedReplay& loaded, const ReplayCase& what) {
  const Workload& w = loaded.session->workload();
  const DeviceInfo& device = loaded.session->device_info();
  const std::uint64_t slab_bytes = Arena::plan(w.expert_bytes, what.slabs + what.staging_slabs).total_bytes();
  const std::uint64_t dense_bytes = w.dense_bytes_per_layer * w.grid.layers + w.lookup_bytes;
  std::string text = trace_lines(setup.source, loaded.source) + model_line(loaded.source, w);
  text += device_line(device, loaded.session->link_bytes_per_s());
  text += fmt::format(
      "memory  {} cache + {} staging slabs = {}, always-resident weights {}; all experts would be {}\n",
      what.slabs, what.staging_slabs, gigabytes(slab_bytes), gigabytes(dense_bytes),
      gigabytes(w.expert_bytes * w.grid.size()));
  if (const auto pinned = loaded.session->cuda_memory())
    text += pinned_line(*pinned, device.times_mean_something);
  if (loaded.session->cuda() != nullptr) text += crossover_line(loaded.session->cuda()->crossover_rows());
  text += routers_line(setup.routers, loaded.routers);
  if (!setup.predictor_file.empty()) {
    text += fmt::format("learned {}; {} sequences left out that it was trained on\n", setup.predictor_file,
                        loaded.learnt_sequences);
  }
  text += "command " + command_line_text() + "\n";
  const Version version = program_version();
  text += fmt::format(
      "run     seed {}, {}prophet {} ({}{}){}\n", setup.seed,
      setup.repetitions > 1 ? fmt::format("each row the median of {} repetitions, ", setup.repetitions) : "",
      version.version, version.git_commit, version.git_dirty ? ", modified" : "",
      loaded.default_steps_applied != 0
          ? fmt::format("; the first {} decode steps, --steps asks for more", loaded.default_steps_applied)
          : "");
  return text;
}

nlohmann::json replay_provenance(const ReplaySetup& setup, LoadedReplay& loaded) {
  nlohmann::json provenance = provenance_json();
  const TraceToReplay& source = loaded.source;
  add_trace_provenance(provenance, setup.source.trace, source.trace);
  provenance["trace_tokens"] = source.trace.tokens() - source.train_tokens;
  provenance["trace_sequences"] = source.trace.sequences().size() - source.train_sequences;
  provenance["train_trace"] = nullptr;
  if (!source.train_trace.empty()) provenance["train_trace"] = source.train_trace;
  const Workload& w = loaded.session->workload();
  const DeviceInfo& device = loaded.session->device_info();
  provenance["sequences_replayed"] = source.split.test.size();
  provenance["sequences_training"] = source.split.train.size();
  provenance["sequences_skipped"] = source.split.skipped;
  provenance["model"] = source.model.name;
  provenance["model_source"] = source.model.source;
  provenance["sizes_only"] = source.sizes_only;
  provenance["layers"] = w.grid.layers;
  provenance["experts"] = w.grid.experts;
  provenance["top_k"] = w.top_k;
  provenance["expert_bytes"] = w.expert_bytes;
  provenance["expert_scale"] = w.scale;
  provenance["dense_bytes_per_layer"] = w.dense_bytes_per_layer;
  provenance["lookup_bytes"] = w.lookup_bytes;
  add_device_provenance(provenance, device);
  provenance["predictor_file"] = nullptr;
  if (!setup.predictor_file.empty()) {
    provenance["predictor_file"] = setup.predictor_file;
    provenance["sequences_learnt_from"] = loaded.learnt_sequences;
  }
  add_routers_provenance(provenance, setup.routers, loaded.routers);
  provenance["forecast_on"] = setup.forecast_on.value_or("auto");
  provenance["adapt"] = setup.adapt;
  provenance["graph"] = setup.graph;
  provenance["link_bytes_per_s"] = nullptr;
  if (device.times_mean_something) provenance["link_bytes_per_s"] = loaded.session->link_bytes_per_s();
  if (const CudaDevice* const cuda = loaded.session->cuda(); cuda != nullptr)
    provenance["crossover_rows"] = cuda->crossover_rows().value_or(0);
  provenance["seed"] = setup.seed;
  provenance["repetitions"] = setup.repetitions;
  return provenance;
}

}  // namespace prophet
