#pragma once

#include "runtime/device/buffer_table.hpp"
#include "runtime/device/model_ops.hpp"

namespace prophet {

/// Checks the views and shapes of an operation as runtime/device/model_ops.hpp states them: every view is
/// allocated, of device memory, aligned and large enough, and what is written overlaps nothing that is read.
/// Throws Error{usage}; the sentence names the operation and the view.
void check_model_op(const BufferTable& buffers, const EmbedOp& op);
void check_model_op(const BufferTable& buffers, const NormOp& op);
void check_model_op(const BufferTable& buffers, const LinearOp& op);
void check_model_op(const BufferTable& buffers, const RotaryOp& op);
void check_model_op(const BufferTable& buffers, const KvAppendOp& op);
void check_model_op(const BufferTable& buffers, const AttentionOp& op);
void check_model_op(const BufferTable& buffers, const RouteOp& op);
void check_model_op(const BufferTable& buffers, const MixOp& op);
void check_model_op(const BufferTable& buffers, const ActivateOp& op);
void check_model_op(const BufferTable& buffers, const PredictOp& op);

/// Checks the layout of an expert operation that has one against its slab, hidden size and activation; and
/// that one without has swiglu. Throws Error{usage}.
void check_expert_layout(const ExpertOp& op);

}  // namespace prophet
