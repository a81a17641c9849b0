#pragma once

#include <cstdint>
#include <span>

#include "runtime/device/handles.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {

/// Sizes of a step's activations.
struct LiveSizes {
  std::uint32_t tokens_max = 0;
  std::uint32_t logit_rows_max = 0;
  std::uint32_t pages_max = 0;       ///< of a lane's block table
  std::uint32_t context_tokens = 0;  ///< rows of the rotary table
  bool hidden_to_host = false;       ///< the router's inputs are copied to the host
  std::uint32_t routers_ahead = 0;   ///< applied to one router's input beside its own
};

/// The activations of one step in device memory, the step's inputs, and their places in pinned memory. Owns
/// all; the device must outlive it. Each name is followed by its shape, T being the step's tokens, of which
/// there are at most tokens_max; values are fp32, and u32 where it says so.
class LiveBuffers {
 public:
  /// Allocates everything and writes the rotary table. Throws Error{out_of_memory}; then nothing stays
  /// allocated.
  LiveBuffers(Device& device, const DecoderConfig& config, const LiveSizes& sizes);

  /// A matrix of one row a token.
  class Rows {
   public:
    Rows(Device& device, MemoryKind kind, std::uint64_t rows_max, std::uint64_t values);
    /// The first `count` rows.
    [[nodiscard]] BufferView operator()(std::uint64_t count) const noexcept { return from(0, count); }
    [[nodiscard]] BufferView from(std::uint64_t first, std::uint64_t count) const noexcept {
      return buffer_.view().slice(first * row_bytes_, count * row_bytes_);
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return buffer_.view().size_bytes; }

   private:
    std::uint64_t row_bytes_;
    Buffer buffer_;
  };

  // The step's inputs, in device memory and behind it in pinned memory.
  Rows ids;          ///< [T] u32
  Rows positions;    ///< [T] u32
  Rows contexts;     ///< [T] u32: tokens that each attends to
  Rows rows;         ///< [T] u32: 0, 1, 2, ...: each token has its own row of the block table
  Rows block_table;  ///< [T, pages_max] u32
  Rows host_ids;
  Rows host_positions;
  Rows host_contexts;
  Rows host_block_table;

  Rows hidden;         ///< [T, hidden_size]: the residual stream
  Rows normed;         ///< [T, hidden_size]: a norm of it: what router and experts read
  Rows q;              ///< [T, heads * head_dim]
  Rows k;              ///< [T, kv_heads * head_dim]
  Rows v;              ///< as k
  Rows attended;       ///< as q
  Rows router_logits;  ///< [T, experts]
  Rows ahead_logits;   ///< [routers ahead, T, experts]
  Rows choices;        ///< [T, top_k] u32
  Rows weights;        ///< [T, top_k]
  Rows outputs;        ///< [T * top_k, hidden_size]: of the routed experts
  Rows ffn_gate;       ///< [T, width] of the shared expert or a dense layer, the wider of the two
  Rows ffn_up;         ///< as ffn_gate
  Rows shared;         ///< [T, hidden_size]: the shared expert's output
  Rows shared_gate;    ///< [T]
  Rows logits;         ///< [logit rows, vocab]
  Rows rotary;         ///< [context, head_dim]: cosines, then sines

  Rows host_choices;       ///< [T, top_k] u32, pinned
  Rows host_weights;       ///< [T, top_k], pinned
  Rows host_ahead_logits;  ///< as ahead_logits, pinned
  Rows host_normed;        ///< [T, hidden_size], pinned; one value where it is not wanted
  Rows host_logits;        ///< as logits, pinned

  /// Of device memory.
  [[nodiscard]] std::uint64_t device_bytes() const noexcept;

 private:
  LiveBuffers(Device& device, const Architecture& architecture, double rope_theta, const LiveSizes& sizes);
};

}  // namespace prophet
