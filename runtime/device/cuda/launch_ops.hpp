#pragma once

#include <cstdint>

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
  /// `report` is where the device reports a wrong slab.
  OpLauncher(const MemoryTable& memory, kernels::cuda::VerifyReport* report, Status& status)
      : memory_(memory), report_(report), status_(status) {}

  void operator()(StreamState& stream, const DenseOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const ExpertOp& op, std::uint64_t tag) const;
  void operator()(StreamState& stream, const CombineOp& op, std::uint64_t tag) const;

 private:
  void prepare_verify(StreamState& stream, const ExpertOp& op) const;
  void verify(StreamState& stream, const ExpertOp& op, std::uint64_t tag) const;

  const MemoryTable& memory_;
  kernels::cuda::VerifyReport* report_;
  Status& status_;
};

}  // namespace prophet::cuda
