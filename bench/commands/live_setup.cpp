#include "bench/commands/live_setup.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "bench/commands/bundled_traces.hpp"
#include "bench/commands/predictor_file_option.hpp"
#include "bench/commands/token_file.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/log.hpp"
#include "runtime/model/decoder_config.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {
namespace {

std::vector<std::uint32_t> parse_ids(std::string_view text) {
  std::vector<std::uint32_t> ids;
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), id);
    const auto next = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || (next < text.size() && text[next] != ',')) {
      throw Error(ErrorCode::usage,
                  fmt::format("--prompt-ids '{}': expected numbers with commas between them", text));
    }
    ids.push_back(id);
    at = next + 1;
  }
  return ids;
}

LiveRequest request_of(std::vector<std::uint32_t> ids, const LiveSetup& setup) {
  LiveRequest request;
  request.prompt = std::move(ids);
  request.new_tokens_max = setup.new_tokens_max;
  return request;
}

/// A text that the model reads as if it had written it: its front is the prompt, the rest decode steps.
LiveRequest forced_request(const std::string& text, const std::string& path, const LiveSetup& setup) {
  const std::size_t prompt = setup.text_prompt_tokens;
  if (prompt == 0 || text.size() <= prompt) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: {} tokens of which {} are a prompt, expected at least one of each", path,
                            text.size(), prompt));
  }
  LiveRequest request;
  for (std::size_t c = 0; c < text.size() && c < prompt + setup.new_tokens_max; ++c)
    (c < prompt ? request.prompt : request.forced).push_back(static_cast<unsigned char>(text[c]));
  request.new_tokens_max = static_cast<std::uint32_t>(request.forced.size());
  return request;
}

std::vector<LiveRequest> read_requests(const LiveSetup& setup, const DecoderConfig& config) {
  std::vector<std::string> texts = setup.prompts;
  for (const std::string& path : setup.prompt_files)
    texts.push_back(read_bytes(path, limits::prompt_bytes_max));
  if ((!texts.empty() || !setup.text_files.empty()) &&
      config.architecture.vocab_size != byte_vocabulary_tokens) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: its {} tokens are not bytes, and Prophet has no other tokeniser: expected "
                            "--prompt-ids instead of a text",
                            setup.model, config.architecture.vocab_size));
  }
  std::vector<LiveRequest> requests;
  for (const std::string& text : texts) {
    std::vector<std::uint32_t> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    requests.push_back(request_of(std::move(ids), setup));
  }
  for (const std::string& list : setup.prompt_ids) requests.push_back(request_of(parse_ids(list), setup));
  for (const std::string& path : setup.text_files)
    requests.push_back(forced_request(read_bytes(path, limits::prompt_bytes_max), path, setup));
  if (requests.empty())
    throw Error(ErrorCode::usage, "no prompt: expected --prompt, --prompt-file or --prompt-ids");
  for (std::size_t r = 0; r < requests.size(); ++r) {
    for (const std::uint32_t id : requests[r].prompt) {
      if (id < config.architecture.vocab_size) continue;
      throw Error(ErrorCode::usage, fmt::format("prompt {}: token {}: expected ids below {}, the vocabulary",
                                                r, id, config.architecture.vocab_size));
    }
    if (requests[r].prompt.empty())
      throw Error(ErrorCode::usage, fmt::format("prompt {} is empty: expected at least one token", r));
    if (sequence_tokens(requests[r]) <= config.architecture.context_tokens) continue;
    throw Error(
        ErrorCode::usage,
        fmt::format("prompt {}: {} tokens and --max-new-tokens {}, expected at most {} together: the "
                    "model's context",
                    r, requests[r].prompt.size(), setup.new_tokens_max, config.architecture.context_tokens));
  }
  return requests;
}

kernels::FloatFormat parse_kv_dtype(const std::string& name) {
  if (name == "fp32") return kernels::FloatFormat::fp32;
  if (name == "bf16") return kernels::FloatFormat::bf16;
  if (name == "fp16") return kernels::FloatFormat::fp16;
  throw Error(ErrorCode::usage, fmt::format("--kv-dtype {}: expected fp32, bf16 or fp16", name));
}

LiveSessionOptions session_options(const LiveSetup& setup, const LoadedLive& loaded) {
  constexpr std::uint64_t kib_max = 1ULL << 40;
  if (setup.chunk_kib > kib_max)
    throw Error(ErrorCode::usage,
                fmt::format("--chunk-kib {}: expected at most {}", setup.chunk_kib, kib_max));
  LiveSessionOptions options;
  options.device = setup.device;
  options.device_options.link_bytes_per_s = setup.link_gb_per_s * 1e9;
  options.device_options.host_cores = setup.host_cores;
  options.device_options.crossover_rows = 0;  // an expert that has a layout never goes to cuBLAS
  if (setup.device_memory_mib) {
    if (*setup.device_memory_mib == 0 || *setup.device_memory_mib > kib_max)
      throw Error(ErrorCode::usage,
                  fmt::format("--device-memory {}: expected 1 to {} MiB", *setup.device_memory_mib, kib_max));
    options.device_options.memory_bytes = *setup.device_memory_mib << 20;
  }
  options.model = setup.model;
  if (!setup.quant.empty()) options.expert_format = parse_expert_format(setup.quant);
  options.kv_format = parse_kv_dtype(setup.kv_dtype);
  options.decode.lanes = setup.batch;
  options.decode.prefill_chunk_tokens = setup.prefill_chunk_tokens;
  options.decode.sampling = setup.sampling;
  options.decode.stops_at_eos = !setup.ignore_eos;
  options.bypass_prefill = setup.bypass_prefill;
  options.verify = setup.verify;
  options.chunk_bytes = setup.chunk_kib << 10;
  options.record_timeline = setup.record_timeline;
  options.records_hidden = setup.records_hidden;
  if (!loaded.train_trace.empty()) options.training = &loaded.training;
  options.trained = loaded.trained;
  options.forecast_on = parse_forecast_on(setup.forecast_on.value_or("auto"));
  return options;
}

void check(const LiveSetup& setup) {
  check_sampling(setup.sampling);
  const auto refuse = [](const std::string& sentence) { throw Error(ErrorCode::usage, sentence); };
  if (setup.batch == 0 || setup.batch > limits::lanes_max)
    refuse(fmt::format("--batch {}: expected 1 to {}", setup.batch, limits::lanes_max));
  if (setup.prefill_chunk_tokens == 0 || setup.prefill_chunk_tokens > limits::prefill_chunk_tokens_max)
    refuse(fmt::format("--prefill-chunk {}: expected 1 to {}", setup.prefill_chunk_tokens,
                       limits::prefill_chunk_tokens_max));
  if (setup.new_tokens_max == 0) refuse("--max-new-tokens 0: expected at least 1");
  if (setup.link_gb_per_s < 0 || !std::isfinite(setup.link_gb_per_s))
    refuse(fmt::format("--link-gbps {}: expected 0 or more GB/s", setup.link_gb_per_s));
  const bool throttles = setup.link_gb_per_s > 0 || !setup.link_like.empty();
  if (throttles && setup.device != "cpu")
    refuse(fmt::format(
        "--link-gbps and --link-like: {} has the link it has, expected them with --device cpu only",
        setup.device));
}

struct LinkLike {
  double copies_over_compute = 0;  ///< of one token's experts, all of them copied
  double gb_per_s = 0;             ///< that makes it so here
};

/// The throttle under which this device's copies take as many times its compute as the profile's take of
/// the profile's: of one all-resident token, by the bytes that it reads.
LinkLike link_like(const LiveSession& unthrottled, const ReplayMetrics& resident, const GpuProfile& profile) {
  const DecoderConfig& config = unthrottled.weights().config();
  const double experts = static_cast<double>(unthrottled.weights().layout().size_bytes) * config.shape.top_k *
                         config.shape.grid.layers;
  const double all = experts + static_cast<double>(unthrottled.weights().dense().bytes());
  const double copies_over_compute =
      (experts / profile.link_bytes_per_s) / (all / profile.memory_bytes_per_s);
  const double compute_s = static_cast<double>(quantile_ns(resident.step_ns, 0.5)) / 1e9;
  return {copies_over_compute, experts / (copies_over_compute * compute_s) / 1e9};
}

/// Runs the prompts once, all resident and alone, to see what a token costs.
LinkLike measure_link_like(const LiveSetup& setup, const LoadedLive& loaded) {
  const GpuProfile profile = load_gpu_profile(setup.link_like);
  LiveSessionOptions options = session_options(setup, loaded);
  options.record_timeline = false;
  options.decode.lanes = 1;
  LiveSession probe(options, std::span(loaded.requests).first(1));
  const LiveRow& resident = probe.all_resident();
  if (!resident.row.ran || resident.row.metrics.steps == 0) {
    throw Error(
        ErrorCode::usage,
        "--link-like: needs an all-resident run of at least one decode step to compare with, expected the "
        "memory for it and --max-new-tokens of 2 or more");
  }
  return link_like(probe, resident.row.metrics, profile);
}

}  // namespace

void load_training(const std::string& train_trace, bool learns, const ModelShape& shape, LoadedLive& loaded) {
  if (!train_trace.empty()) {
    loaded.training = open_trace(train_trace);
    loaded.train_trace = train_trace;
    return;
  }
  if (!learns) return;
  RoutingTrace sample = open_trace(std::string(sample_train_trace));
  if (sample.shape().grid != shape.grid || sample.shape().top_k != shape.top_k) return;
  loaded.training = std::move(sample);
  loaded.train_trace = sample_train_trace;
}

void add_live_options(CLI::App& command, LiveSetup& setup) {
  command
      .add_option("--model", setup.model,
                  "Folder of a checkpoint: config.json and *.safetensors (OLMoE, "
                  "Qwen2-MoE, Qwen3-MoE, Mixtral)")
      ->required();
  command.add_option("--prompt", setup.prompts, "Text to continue (byte vocabularies); may be given again")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command
      .add_option("--prompt-file", setup.prompt_files, "File whose bytes are a prompt; may be given again")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_option("--prompt-ids", setup.prompt_ids, "Token ids, as 1,2,3; may be given again")
      ->type_name("LIST")
      ->allow_extra_args(false);
  command.add_option("--max-new-tokens", setup.new_tokens_max, "New tokens of each prompt at most")
      ->capture_default_str();
  command.add_option("--batch", setup.batch, "Sequences decoded at once; further prompts wait for a lane")
      ->capture_default_str();
  command.add_option("--device", setup.device, "cpu, cuda[:N]")->capture_default_str();
  command.add_option(
      "--quant", setup.quant,
      "Slabs hold experts as bf16, fp16, fp32, fp8, int8 (a scale a row), int4 (groups of 32) or "
      "mxfp4; default: as the checkpoint does");
  command.add_option("--kv-dtype", setup.kv_dtype, "K and V are kept as fp32, bf16 or fp16")
      ->capture_default_str();
  command.add_option("--temperature", setup.sampling.temperature, "0 is greedy")->capture_default_str();
  command.add_option("--top-k", setup.sampling.top_k, "Draw from so many most probable tokens; 0: all")
      ->capture_default_str();
  command.add_option("--top-p", setup.sampling.top_p, "Draw from the fewest tokens of that probability")
      ->capture_default_str();
  command.add_option("--seed", setup.sampling.seed, "Of the sampling")->capture_default_str();
  command.add_flag("--ignore-eos", setup.ignore_eos, "Go on behind the model's end of text");
  command.add_option("--prefill-chunk", setup.prefill_chunk_tokens, "Prompt tokens of one pass")
      ->capture_default_str();
  command.add_flag("!--no-prefill-bypass", setup.bypass_prefill,
                   "Let prompts throw out what decode steps keep in the cache");
  command.add_option("--chunk-kib", setup.chunk_kib,
                     "A prefetch is copied in chunks of so many KiB; 0: an eighth of an expert");
  auto* const link = command.add_option("--link-gbps", setup.link_gb_per_s,
                                        "cpu device: throttle the link to so many GB/s; 0: none");
  command
      .add_option("--link-like", setup.link_like,
                  "cpu device: throttle the link so that copying all experts of a token takes as many times "
                  "its compute as on this GPU profile (see prophet profiles)")
      ->excludes(link);
  command.add_option("--device-memory", setup.device_memory_mib, "MiB of device memory at most");
  command.add_flag("!--no-verify", setup.verify, "Do not check the contents of leased slabs");
  command.add_flag("--quiet", setup.quiet, "Only the text: no table, no baselines, no remarks");
}

std::unique_ptr<LoadedLive> load_live(const LiveSetup& setup) {
  set_quiet(setup.quiet);
  check(setup);
  auto loaded = std::make_unique<LoadedLive>();
  const DecoderConfig config = load_decoder_config(setup.model);
  loaded->is_text = config.architecture.vocab_size == byte_vocabulary_tokens;
  loaded->requests = read_requests(setup, config);
  load_training(setup.train_trace, setup.learns, config.shape, *loaded);
  loaded->trained = read_predictor_file(setup.predictor_file, config.shape.grid, config.shape.top_k);
  loaded->link_gb_per_s = setup.link_gb_per_s;
  if (!setup.link_like.empty()) {
    const LinkLike like = measure_link_like(setup, *loaded);
    loaded->link_gb_per_s = like.gb_per_s;
    loaded->copies_over_compute = like.copies_over_compute;
  }
  LiveSetup throttled = setup;
  throttled.link_gb_per_s = loaded->link_gb_per_s;
  loaded->session = make_live_session(throttled, *loaded, loaded->requests);
  return loaded;
}

std::unique_ptr<LiveSession> make_live_session(const LiveSetup& setup, const LoadedLive& loaded,
                                               std::span<const LiveRequest> requests) {
  return std::make_unique<LiveSession>(session_options(setup, loaded), requests);
}

}  // namespace prophet
