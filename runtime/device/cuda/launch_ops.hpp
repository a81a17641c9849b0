#pragma once

#include <cstdint>
#include <optional>

#include "kernels/cuda/checksum.hpp"
#include "runtime/device/cuda/memory_table.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/cuda/stream_table.hpp"
#include "runtime/device/device.hpp"

namespace prophet::cuda {

/// Starts the kernels of an operation on a stream. Views and shapes have been checked (check_compute_op).
/// What the kernels need beside the operation's own buffers - workspace, indices on the device - is made
/// ready first, so that nothing of a refused operation runs unless CUDA refuses a later one of its launches.
class OpLauncher {
 public:
  /// `report` is where the device reports a wrong slab. Experts with at least `crossover_rows` rows go to
  /// cuBLAS on streams that have it; none: no expert does, and no expert with a layout, whose rows each have
  /// the reference's bits.
  OpLauncher(const MemoryTable& memory, kernels::cuda::VerifyReport* report,
             std::optional<std::uint32_t> crossover_rows, Status& status)
      : memory_(memory), report_(report), crossover_rows_(crossover_rows), status_(status) {}

  void operator()(StreamState& stream, const DenseOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const ExpertOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const CombineOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const EmbedOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const NormOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const LinearOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const RotaryOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const KvAppendOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const AttentionOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const RouteOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const MixOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const ActivateOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const PredictOp& op, std::uint64_t tag) const;

 private:
  struct ExpertCall;
  [[nodiscard]] bool goes_to_blas(const StreamState& stream, const ExpertOp& op, std::uint64_t rows) const;
  /// Everything that its kernels read, ready on the device.
  [[nodiscard]] ExpertCall prepare(StreamState& stream, const ExpertOp& op) const;
  void compute(StreamState& stream, const ExpertCall& call) const;
  void prepare_verify(StreamState& stream, const ExpertOp& op) const;
  void verify(StreamState& stream, const ExpertOp& op, std::uint64_t tag) const;

  const MemoryTable& memory_;
  kernels::cuda::VerifyReport* report_;
  std::optional<std::uint32_t> crossover_rows_;
  Status& status_;
};

}  // namespace prophet::cuda
