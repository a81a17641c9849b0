#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "kernels/expert_ffn.hpp"
#include "runtime/device/device.hpp"
#include "runtime/device/model_work.hpp"

namespace prophet::cpu {

/// A place in a stream's order. Since a stream runs in order, the ticket has come when the stream has
/// finished `count` operations; count 0 has always come.
struct Ticket {
  StreamId stream;
  std::uint64_t count = 0;
};

/// One copy at a time holds a link. Copies within one kind of memory use none.
enum class LinkKind : std::uint8_t { up, down, none };  // host to device, device to host

struct CopyWork {
  std::byte* destination = nullptr;
  const std::byte* source = nullptr;
  std::uint64_t size_bytes = 0;
  LinkKind link = LinkKind::none;
};

struct DenseWork {
  static constexpr const char* name = DenseOp::name;
  float* hidden = nullptr;         // [tokens, hidden_size]
  const float* weights = nullptr;  // [rows, hidden_size]
  std::uint64_t rows = 0;
  std::uint32_t tokens = 0;
  std::uint32_t hidden_size = 0;
};

struct ExpertWork {
  static constexpr const char* name = ExpertOp::name;
  kernels::ExpertMatrices expert;               // without a layout
  const kernels::SlabLayout* layout = nullptr;  // the caller's, as rows
  kernels::ExpertActivation activation = kernels::ExpertActivation::swiglu;
  const std::byte* slab = nullptr;
  const float* hidden = nullptr;        // [tokens, hidden_size]
  float* output = nullptr;              // [rows.size(), hidden_size]
  std::span<const std::uint32_t> rows;  // the caller's; valid until the operation has finished
  std::uint32_t tokens = 0;
  LinkKind link = LinkKind::none;  // up: the weights are read in place, over the link
  bool verify = false;
  std::span<const std::byte> verified;  // the slab's bytes that `checksum` is of
  std::uint64_t checksum = 0;
};

struct CombineWork {
  static constexpr const char* name = CombineOp::name;
  float* hidden = nullptr;               // [tokens, hidden_size]
  const float* outputs = nullptr;        // [output_rows, hidden_size]
  std::span<const std::uint32_t> slots;  // [tokens, top_k], the caller's
  std::uint64_t output_rows = 0;
  std::uint32_t tokens = 0;
  std::uint32_t top_k = 0;
  std::uint32_t hidden_size = 0;
};

struct RecordWork {};

struct WaitWork {
  Ticket ticket;
};

/// One submitted operation with its views resolved to addresses, so that a worker needs no table.
struct Operation {
  std::variant<RecordWork, WaitWork, CopyWork, DenseWork, ExpertWork, CombineWork, EmbedWork, NormWork,
               LinearWork, RotaryWork, KvAppendWork, AttentionWork, RouteWork, MixWork, ActivateWork,
               PredictWork>
      work;
  std::uint64_t tag = 0;
  std::uint64_t bytes = 0;  ///< for the timeline
};

}  // namespace prophet::cpu
