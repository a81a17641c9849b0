#include "bench/commands/serve_setup.hpp"

namespace prophet {

void add_serve_options(CLI::App& command, ServeSetup& setup) {
  add_trace_options(command, setup.source);
  command.add_option("--scenario", setup.scenario,
                     "A: chatbot, Qwen1.5-MoE; B: batch inference, DeepSeek-MoE; C: high throughput, "
                     "Switch-Base; model, synthetic routing, memory, batch and load of that, unless given");
  command
      .add_option("--requests", setup.requests,
                  "Request trace: Azure's CSV or Mooncake's JSON lines (see docs/serving.md)")
      ->required();
  command.add_option("--skip-requests", setup.skip_requests, "Begin behind so many requests of the file");
  command.add_option("--requests-max", setup.requests_max, "Serve so many of them; 0: all")
      ->capture_default_str();
  command.add_option("--load", setup.load, "Arrivals come so many times as fast as recorded")
      ->capture_default_str();
  command.add_option("--device", setup.device, "sim:PROFILE (see prophet profiles)")->capture_default_str();
  command.add_option("--memory-gib", setup.memory_gib, "Device memory; 0: what the profile has")
      ->capture_default_str();
  command.add_option("--expert-dtype", setup.expert_dtype,
                     "bf16, fp16, fp8, int8, int4 or mxfp4: how slabs hold experts; default: as the model "
                     "ships");
  command.add_option("--kv-dtype", setup.kv_dtype, "bf16, fp16, fp8 or int8")->capture_default_str();
  command
      .add_option("--page-tokens", setup.page_tokens,
                  "Tokens of a KV page, a power of two; 0: what wastes least of a slab")
      ->capture_default_str();
  command
      .add_option("--staging-slabs", setup.staging_slabs, "Slabs for experts that pass through, for prompts")
      ->capture_default_str();
  command.add_option("--policy", setup.policy, "Of the expert cache: lru, lfu, slru, arc, least-stale")
      ->capture_default_str();
  command.add_option("--batch-max", setup.batch_max, "Requests that run at the same time, at most")
      ->capture_default_str();
  command
      .add_option("--context-max", setup.context_max,
                  "Requests of more tokens, prompt and output, are refused; 0: what the model was made for")
      ->capture_default_str();
  command.add_option("--prefill-chunk", setup.prefill_chunk_tokens, "Prompt tokens of one pass, at most")
      ->capture_default_str();
  command
      .add_option("--prefill-routing", setup.prefill_routing,
                  "What prompts' tokens choose: rows of the trace like all others, or all: every expert")
      ->capture_default_str();
  command
      .add_option("--preemption", setup.preemption,
                  "Whose pages another needs: recompute its tokens later, or swap them to the host and back")
      ->capture_default_str();
  command.add_option("--watermark", setup.watermark, "Share of the pages that an admission leaves free")
      ->capture_default_str();
  command.add_option("--first-token-ms", setup.first_token_ms, "Limit on the time to the first token")
      ->capture_default_str();
  command
      .add_option("--between-tokens-ms", setup.between_tokens_ms,
                  "Limit on the mean time between a request's tokens")
      ->capture_default_str();
  command
      .add_option("--kv-share", setup.kv_shares, "Comma-separated fixed shares of the slabs for the KV cache")
      ->delimiter(',')
      ->capture_default_str();
  command
      .add_option("--oracle-windows", setup.oracle_windows,
                  "Pieces of the run, of equally many requests, for each of which the bound takes the best "
                  "fixed share")
      ->capture_default_str();
  command
      .add_option("--moves-per-step", setup.moves_per_step, "Slabs that the controller moves a step, at most")
      ->capture_default_str();
  command.add_option("--window-steps", setup.window_steps, "Steps between two comparisons of the controller")
      ->capture_default_str();
  command
      .add_option("--hysteresis", setup.hysteresis,
                  "The controller moves a slab that is worth so much more on the other side")
      ->capture_default_str();
  command.add_option("--seed", setup.seed, "Of the split and the weights")->capture_default_str();
  command.add_option("--json", setup.json_path, "Write the result as JSON (- is stdout)");
  command.add_option("--csv", setup.csv_path, "Write the rows as CSV (- is stdout)");
  command.add_flag("--quiet", setup.quiet, "No progress and no remarks on stderr");
}

}  // namespace prophet
