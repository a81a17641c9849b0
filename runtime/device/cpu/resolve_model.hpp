#pragma once

#include "runtime/device/buffer_table.hpp"
#include "runtime/device/cpu/operation.hpp"

namespace prophet::cpu {

/// Turns the views of an operation that check_model_op has passed into addresses.
[[nodiscard]] Operation resolve(const BufferTable& buffers, const EmbedOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const NormOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const LinearOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const RotaryOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const KvAppendOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const AttentionOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const RouteOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const MixOp& op);
[[nodiscard]] Operation resolve(const BufferTable& buffers, const ActivateOp& op);

}  // namespace prophet::cpu
