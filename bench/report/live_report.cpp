#include "bench/report/live_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/report/provenance.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f} MB", static_cast<double>(bytes) / 1e6);
}

std::string sampling_text(const Sampling& s) {
  if (s.temperature == 0) return "greedy";
  return fmt::format("temperature {}{}{}, seed {}", s.temperature,
                     s.top_k == 0 ? "" : fmt::format(", top-k {}", s.top_k),
                     s.top_p == 1 ? "" : fmt::format(", top-p {}", s.top_p), s.seed);
}

std::string format_text(const LiveWeights& weights) {
  const std::string name = kernels::format_info(weights.layout().shape.format).name;
  if (weights.stored_expert_bytes() == weights.layout().size_bytes)
    return fmt::format("{} bytes ({}, as stored)", weights.layout().size_bytes, name);
  return fmt::format(
      "{} bytes ({}; stored with {}: slabs {:.2f} times as small; prophet perplexity says what that "
      "costs)",
      weights.layout().size_bytes, name, weights.stored_expert_bytes(),
      static_cast<double>(weights.stored_expert_bytes()) / static_cast<double>(weights.layout().size_bytes));
}

std::uint64_t prompt_tokens(const LoadedLive& loaded) {
  std::uint64_t sum = 0;
  for (const LiveRequest& request : loaded.requests) sum += request.prompt.size();
  return sum;
}

}  // namespace

std::string live_preamble(const LiveSetup& setup, const LoadedLive& loaded, const LiveRow& first) {
  const LiveSession& session = *loaded.session;
  const LiveWeights& weights = session.weights();
  const ModelShape& shape = weights.config().shape;
  const DeviceInfo& device = session.device_info();
  std::string text;
  text += fmt::format("model   {}: {} MoE layers x {} experts, top-{}; an expert is {}\n", setup.model,
                      shape.grid.layers, shape.grid.experts, shape.top_k, format_text(weights));
  text += fmt::format("prompts {} with {} tokens, up to {} new ones each; {}\n", loaded.requests.size(),
                      prompt_tokens(loaded), setup.new_tokens_max, sampling_text(setup.sampling));
  text +=
      device.times_mean_something
          ? fmt::format(
                "device  {}: wall clock; link {:.4f} GB/s as measured on it{}\n", device.name,
                session.link_bytes_per_s() / 1e9,
                setup.link_like.empty()
                    ? ""
                    : fmt::format(": copying all experts of a token takes {:.1f} times its compute, as on {}",
                                  loaded.copies_over_compute, setup.link_like))
          : fmt::format("device  {}\n", device.name);
  text += fmt::format(
      "memory  {} always-resident weights, KV {} ({} tokens in {} lane{}, {}), slabs of the first row {}, "
      "activations {}; all experts would be {}\n",
      megabytes(weights.dense().bytes()), megabytes(session.kv_bytes()),
      std::uint64_t{session.context_tokens()} * setup.batch, setup.batch, setup.batch == 1 ? "" : "s",
      setup.kv_dtype, megabytes(first.row.slab_bytes),
      megabytes(first.row.device_bytes - first.row.slab_bytes - session.kv_bytes() - weights.dense().bytes()),
      megabytes(weights.layout().size_bytes * shape.grid.size()));
  if (!loaded.train_trace.empty()) {
    text += fmt::format("learns  from {}: {} sequences with {} tokens\n", loaded.train_trace,
                        loaded.training.sequences().size(), loaded.training.tokens());
  }
  if (loaded.trained.mlp != nullptr) text += fmt::format("learned {}\n", setup.predictor_file);
  text += "command " + command_line_text() + "\n";
  const Version version = program_version();
  text += fmt::format("run     prophet {} ({}{})\n", version.version, version.git_commit,
                      version.git_dirty ? ", modified" : "");
  return text;
}

nlohmann::json live_provenance(const LiveSetup& setup, const LoadedLive& loaded, const LiveRow& first) {
  const LiveSession& session = *loaded.session;
  const LiveWeights& weights = session.weights();
  const ModelShape& shape = weights.config().shape;
  const DeviceInfo& device = session.device_info();
  nlohmann::json provenance = provenance_json();
  provenance["model"] = setup.model;
  provenance["layers"] = shape.grid.layers;
  provenance["experts"] = shape.grid.experts;
  provenance["top_k"] = shape.top_k;
  provenance["expert_format"] = kernels::format_info(weights.layout().shape.format).name;
  provenance["expert_bytes"] = weights.layout().size_bytes;
  provenance["stored_expert_bytes"] = weights.stored_expert_bytes();
  provenance["dense_bytes"] = weights.dense().bytes();
  provenance["kv_bytes"] = session.kv_bytes();
  provenance["kv_dtype"] = setup.kv_dtype;
  provenance["context_tokens"] = session.context_tokens();
  provenance["activation_bytes"] =
      first.row.device_bytes - first.row.slab_bytes - session.kv_bytes() - weights.dense().bytes();
  provenance["train_trace"] = nullptr;
  if (!loaded.train_trace.empty()) provenance["train_trace"] = loaded.train_trace;
  provenance["predictor_file"] = nullptr;
  if (loaded.trained.mlp != nullptr) provenance["predictor_file"] = setup.predictor_file;
  provenance["forecast_on"] = setup.forecast_on.value_or("auto");
  provenance["prompts"] = loaded.requests.size();
  provenance["prompt_tokens"] = prompt_tokens(loaded);
  provenance["max_new_tokens"] = setup.new_tokens_max;
  provenance["temperature"] = setup.sampling.temperature;
  provenance["sampling_top_k"] = setup.sampling.top_k;
  provenance["sampling_top_p"] = setup.sampling.top_p;
  provenance["seed"] = setup.sampling.seed;
  provenance["prefill_bypass"] = setup.bypass_prefill;
  add_device_provenance(provenance, device);
  provenance["link_bytes_per_s"] = nullptr;
  if (device.times_mean_something) provenance["link_bytes_per_s"] = session.link_bytes_per_s();
  provenance["link_like"] = setup.link_like;
  provenance["copies_over_compute"] = nullptr;
  if (loaded.copies_over_compute > 0) provenance["copies_over_compute"] = loaded.copies_over_compute;
  return provenance;
}

}  // namespace prophet
