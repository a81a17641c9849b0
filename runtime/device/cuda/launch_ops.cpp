#include "runtime/device/cuda/launch_ops.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda/combine.hpp"
#include "kernels/cuda/dense.hpp"
#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/cuda/expert_ffn_blas.hpp"
#include "kernels/dense.hpp"
#include "kernels/expert_layout.hpp"
#include "prophet/error.hpp"

namespace prophet::cuda {
namespace {

/// What the checksum kernel reads at once.
constexpr std::uint64_t verified_alignment_bytes = 16;

constexpr std::uint64_t rows_held(BufferView view, std::uint32_t hidden_size) noexcept {
  return view.size_bytes / sizeof(float) / hidden_size;
}

kernels::SlabLayout layout_of(const ExpertOp& op) {
  if (op.layout != nullptr) return *op.layout;
  kernels::SlabLayout layout;
  if (kernels::packed_fp32_layout(op.slab.size_bytes, op.hidden_size, layout) == kernels::Status::ok)
    return layout;
  throw Error(ErrorCode::usage,
              fmt::format("expert operation: the slab has {} bytes, expected at least 12 * hidden_size = {}",
                          op.slab.size_bytes, 12 * std::uint64_t{op.hidden_size}));
}

void check_can_be_verified(const ExpertOp& op) {
  if (op.slab.offset_bytes % verified_alignment_bytes == 0) return;
  throw Error(
      ErrorCode::usage,
      fmt::format("expert operation: a slab to be verified begins at offset {}, expected a multiple of {}",
                  op.slab.offset_bytes, verified_alignment_bytes));
}

}  // namespace

void OpLauncher::operator()(StreamState& stream, const DenseOp& op, std::uint64_t) const {
  float* const hidden = memory_.floats(op.hidden, "dense operation: hidden");
  const float* weights = nullptr;
  std::uint64_t rows = 0;
  if (op.weights != BufferView{}) {
    weights = memory_.floats(op.weights, "dense operation: the weights");
    rows = rows_held(op.weights, op.hidden_size);
  }
  void* const workspace = stream.scratch.room(
      std::max<std::uint64_t>(1, sizeof(float) * kernels::dense_workspace_floats(op.tokens, op.hidden_size)));
  stream.clock.begin();
  status_.check(kernels::cuda::dense(hidden, weights, op.tokens, rows, op.hidden_size,
                                     static_cast<float*>(workspace), stream.get()),
                "the dense kernel's launch", "dense operation");
}

struct OpLauncher::ExpertCall {
  kernels::cuda::ExpertSlab expert;
  kernels::cuda::HiddenRows hidden;
  float* output = nullptr;
  const std::uint32_t* rows = nullptr;  // [row_count]
  std::uint32_t row_count = 0;
  bool by_blas = false;
  kernels::cuda::DeviceWorkspace workspace;
};

void OpLauncher::operator()(StreamState& stream, const ExpertOp& op, std::uint64_t tag) const {
  const ExpertCall call = prepare(stream, op);
  if (op.verify) prepare_verify(stream, op);
  stream.clock.begin();
  if (op.verify) verify(stream, op, tag);
  if (call.row_count != 0) compute(stream, call);
}

bool OpLauncher::goes_to_blas(const StreamState& stream, const ExpertOp& op, std::uint64_t rows) const {
  return op.layout == nullptr && crossover_rows_ && rows >= *crossover_rows_ && stream.blas.get() != nullptr;
}

OpLauncher::ExpertCall OpLauncher::prepare(StreamState& stream, const ExpertOp& op) const {
  ExpertCall call;
  call.expert.data = memory_.floats(op.slab, "expert operation: the slab");
  call.expert.activation = op.activation;
  call.hidden = {memory_.floats(op.hidden, "expert operation: hidden"), kernels::FloatFormat::fp32};
  call.output = memory_.floats(op.output, "expert operation: the output");
  if (op.rows.empty()) return call;
  const kernels::SlabLayout layout = call.expert.layout = layout_of(op);
  // Sized by all tokens, not by this expert's rows: the number of rows varies from step to step, and a
  // workspace that follows it would still be growing after a warm-up.
  const auto rows_max = std::max<std::uint64_t>(rows_held(op.hidden, op.hidden_size), op.rows.size());
  std::uint64_t bytes = kernels::cuda::expert_ffn_workspace_bytes(layout, rows_max);
  if (goes_to_blas(stream, op, rows_max)) {
    bytes =
        std::max<std::uint64_t>(bytes, kernels::cuda::expert_ffn_blas_workspace_bytes(layout, rows_max, 1));
  }
  call.workspace = {stream.scratch.room(bytes), bytes};
  call.row_count = static_cast<std::uint32_t>(op.rows.size());
  call.by_blas = goes_to_blas(stream, op, call.row_count);
  call.rows = stream.indices.upload(op.rows);
  return call;
}

void OpLauncher::compute(StreamState& stream, const ExpertCall& call) const {
  if (!call.by_blas) {
    status_.check(kernels::cuda::expert_ffn(call.expert, call.hidden, call.rows, call.row_count, call.output,
                                            call.workspace.data, stream.get()),
                  "the expert kernel's launch", "expert operation");
    return;
  }
  const kernels::cuda::ExpertRows all{call.expert.data, 0, call.row_count};
  status_.check(kernels::cuda::expert_ffn_blas(stream.blas.get(), call.expert.layout, call.expert.activation,
                                               {&all, 1}, call.hidden, call.rows, call.row_count, call.output,
                                               call.workspace, stream.get()),
                "an expert's products by cuBLAS", "expert operation");
}

void OpLauncher::prepare_verify(StreamState& stream, const ExpertOp& op) const {
  check_can_be_verified(op);
  if (stream.checksum.data() != nullptr) return;
  stream.checksum = DeviceMemory(sizeof(std::uint64_t), status_, "checksum of a slab");
}

void OpLauncher::verify(StreamState& stream, const ExpertOp& op, std::uint64_t tag) const {
  auto* const sum = reinterpret_cast<std::uint64_t*>(stream.checksum.data());
  status_.check(kernels::cuda::verify(memory_.device_data(op.slab), op.source.size_bytes, op.checksum, tag,
                                      sum, report_, stream.get()),
                "the checksum kernel's launch", "expert operation");
}

void OpLauncher::operator()(StreamState& stream, const CombineOp& op, std::uint64_t) const {
  float* const hidden = memory_.floats(op.hidden, "combine operation: hidden");
  const float* const outputs = memory_.floats(op.outputs, "combine operation: the outputs");
  const std::uint32_t* const slots = op.slots.empty() ? nullptr : stream.indices.upload(op.slots);
  stream.clock.begin();
  status_.check(
      kernels::cuda::combine(hidden, outputs, slots, op.tokens, op.top_k, op.hidden_size, stream.get()),
      "the combine kernel's launch", "combine operation");
}

}  // namespace prophet::cuda
