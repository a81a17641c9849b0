#pragma once

#include <cstdint>

/// Every bound on input, and on what input may make the program allocate, in one place. A value beyond its
/// bound is refused with one sentence that names it. Facts of a foreign format (MRT1's 256 experts, the best
/// ratio of deflate) stand with its reader.
namespace prophet::limits {

// Routing traces.
inline constexpr std::uint32_t layers_max = 1024;
inline constexpr std::uint32_t experts_per_layer_max = 4096;
inline constexpr std::uint32_t top_k_max = 64;
inline constexpr std::uint32_t sequences_max = 1U << 24;
inline constexpr std::uint64_t trace_tokens_max = 1ULL << 32;
inline constexpr std::uint64_t trace_decompressed_bytes_max = 16ULL << 30;
/// Most that one data frame may unpack to.
inline constexpr std::uint64_t trace_block_bytes_max = 4ULL << 20;
inline constexpr std::uint64_t header_json_bytes_max = 1ULL << 20;
inline constexpr std::uint32_t hidden_values_max = 1U << 16;
inline constexpr std::uint64_t hidden_token_bytes_max = 64ULL << 20;

// Files that traces are imported from.
inline constexpr std::uint64_t text_line_bytes_max = 1ULL << 20;
/// Decoder memory that an .xz file may ask for: its dictionary, of which pages are touched only as far as
/// there is data. `xz -9` needs 65 MiB.
inline constexpr std::uint64_t xz_decoder_bytes_max = 80ULL << 20;
inline constexpr std::uint32_t npz_entries_max = 64;
inline constexpr std::uint32_t npy_dimensions_max = 8;

// Request traces.
inline constexpr std::uint64_t requests_max = 1ULL << 24;
/// Of a prompt, and of what is generated for it.
inline constexpr std::uint32_t request_tokens_max = 1U << 24;
/// Ten years from the first request to the last.
inline constexpr std::uint64_t request_span_ms_max = 10ULL * 365 * 24 * 3600 * 1000;

// Synthetic traces.
inline constexpr std::uint32_t synth_sequence_tokens_max = 1U << 20;
inline constexpr double synth_zipf_exponent_max = 4;

// JSON texts: model configurations, profiles.
inline constexpr std::uint64_t config_json_bytes_max = 16ULL << 20;
inline constexpr std::uint32_t json_depth_max = 64;
/// Bounds what the parsed form of a text within config_json_bytes_max can cost.
inline constexpr std::uint32_t json_values_max = 1U << 17;

// Model architectures. The widest known stay below a hundredth of each.
inline constexpr std::uint32_t hidden_size_max = 1U << 18;
inline constexpr std::uint32_t ffn_width_max = 1U << 22;
inline constexpr std::uint32_t heads_max = 1U << 12;
inline constexpr std::uint32_t head_dim_max = 1U << 13;
inline constexpr std::uint32_t lora_rank_max = 1U << 16;
inline constexpr std::uint32_t vocab_size_max = 1U << 24;
inline constexpr std::uint32_t context_tokens_max = 1U << 28;

// Checkpoints.
/// Of one checkpoint. The largest known have a fifth of it.
inline constexpr std::uint32_t tensors_max = 1U << 20;
inline constexpr std::uint32_t tensor_dimensions_max = 64;
/// Of one name or text of metadata: it is built before it can be dropped.
inline constexpr std::uint64_t header_string_bytes_max = 8ULL << 20;
inline constexpr std::uint64_t checkpoint_index_bytes_max = 128ULL << 20;
inline constexpr std::uint32_t checkpoint_shards_max = 4096;

// GPU profiles.
inline constexpr std::uint32_t profile_name_characters_max = 64;
inline constexpr double profile_latency_ns_max = 1e9;
inline constexpr std::uint64_t host_cores_max = 4096;

// Host compute on real devices.
/// Threads that compute one expert together. Fewer fill a socket's memory, and OpenBLAS ends a process in
/// which more threads call it than it was compiled for.
inline constexpr std::uint32_t host_threads_max = 64;

// Replays.
inline constexpr std::uint32_t lanes_max = 1024;
inline constexpr std::uint32_t slabs_max = 1U << 24;
inline constexpr std::uint64_t expert_bytes_max = 16ULL << 30;
inline constexpr std::uint32_t lookahead_max = 64;
inline constexpr std::uint32_t streams_max = 8;
inline constexpr std::uint32_t repetitions_max = 1000;
inline constexpr std::uint64_t chunks_per_expert_max = 1ULL << 16;
/// Of each stream: the first seconds of a replay, at a size that a viewer still opens.
inline constexpr std::uint64_t timeline_spans_max = 1ULL << 17;

// KV caches.
inline constexpr std::uint32_t kv_groups_max = 16;
inline constexpr std::uint32_t kv_page_tokens_max = 4096;
inline constexpr std::uint64_t kv_token_bytes_max = 1ULL << 24;  ///< of one layer
inline constexpr std::uint64_t kv_state_bytes_max = 1ULL << 36;  ///< of one sequence
/// Of a grid, lent or not: some 12 bytes of books each.
inline constexpr std::uint32_t kv_pages_max = 1U << 27;
inline constexpr std::uint32_t kv_sequences_max = 1U << 16;

// Live models.
inline constexpr std::uint64_t prompt_bytes_max = 16ULL << 20;
inline constexpr std::uint32_t prefill_chunk_tokens_max = 1U << 16;
inline constexpr std::uint64_t recorded_bytes_max = 8ULL << 30;
/// Of a text whose perplexity is measured: 4 bytes each are kept.
inline constexpr std::uint64_t text_tokens_max = 1ULL << 28;

// Measurements of a GPU.
inline constexpr std::uint64_t measured_copy_bytes_max = 4ULL << 30;
inline constexpr std::uint32_t measured_copies_max = 1024;
inline constexpr std::uint32_t measured_list_max = 64;  ///< sizes, slab counts, row counts of one run
inline constexpr std::uint64_t measured_slab_bytes_max = 1ULL << 30;
inline constexpr std::uint32_t measured_slabs_max = 4096;
inline constexpr std::uint32_t measured_rows_max = 1024;

// Predictors: what they may keep.
/// Learning stops after so many tokens, the last sequence cut: it bounds the time to construct a predictor
/// and keeps counts exact in a float.
inline constexpr std::uint64_t training_tokens_max = 1U << 20;
inline constexpr std::uint64_t transition_table_bytes_max = 2ULL << 30;
/// Fewer matrices are kept of a large grid; always at least one.
inline constexpr std::uint64_t activation_library_bytes_max = 256ULL << 20;
inline constexpr std::uint32_t activation_matrices_max = 128;

}  // namespace prophet::limits
