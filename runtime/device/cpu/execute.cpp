#include "runtime/device/cpu/execute.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/checksum.hpp"
#include "kernels/combine.hpp"
#include "kernels/dense.hpp"
#include "kernels/expert_ffn.hpp"
#include "kernels/expert_ffn_formats.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cpu/expect_ok.hpp"

namespace prophet::cpu {
namespace {

void verify_slab(const ExpertWork& work, std::uint64_t tag) {
  const std::uint64_t found = kernels::checksum(work.verified);
  if (found == work.checksum) return;
  throw Error(ErrorCode::check_failed,
              fmt::format("expert operation with tag {}: the slab's first {} bytes have checksum {:016x}, "
                          "expected {:016x}",
                          tag, work.verified.size(), found, work.checksum));
}

}  // namespace

void expect_ok(kernels::Status status, const char* what, std::uint64_t tag) {
  if (status == kernels::Status::ok) return;
  throw Error(ErrorCode::usage, fmt::format("{} operation with tag {}: the reference refuses {}", what, tag,
                                            kernels::status_name(status)));
}

float* Scratch::floats(std::size_t count) {
  if (count > capacity_) {
    data_.reset();
    capacity_ = 0;
    data_.reset(static_cast<float*>(::operator new(count * sizeof(float), alignment)));
    capacity_ = count;
  }
  return data_.get();
}

void execute(const DenseWork& work, std::uint64_t tag, Scratch& scratch) {
  float* workspace = scratch.floats(kernels::dense_workspace_floats(work.tokens, work.hidden_size));
  expect_ok(kernels::dense(work.hidden, work.weights, work.tokens, work.rows, work.hidden_size, workspace),
            work.name, tag);
}

void execute(const ExpertWork& work, std::uint64_t tag, Scratch& scratch) {
  kernels::OneByOne here;
  execute(work, tag, scratch, here);
}

void execute(const ExpertWork& work, std::uint64_t tag, Scratch& scratch, kernels::PartRunner& runner) {
  if (work.verify) verify_slab(work, tag);
  // Sized by all tokens, not by this expert's rows: the number of rows varies from step to step, and a
  // workspace that follows it would still be growing after a warm-up.
  const std::size_t rows = std::max<std::size_t>(work.tokens, work.rows.size());
  if (work.layout != nullptr) {
    float* inner = scratch.floats(rows * work.layout->shape.width);
    expect_ok(kernels::expert_ffn_formats(*work.layout, work.activation, work.slab, work.hidden, work.tokens,
                                          work.rows, work.output, inner, runner),
              work.name, tag);
    return;
  }
  float* workspace =
      scratch.floats(kernels::expert_workspace_floats(rows, work.expert.width, work.expert.hidden_size));
  if (work.rows.empty()) return;
  expect_ok(
      kernels::expert_ffn(work.expert, work.hidden, work.tokens, work.rows, work.output, workspace, runner),
      work.name, tag);
}

void execute(const CombineWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::combine(work.hidden, work.outputs, work.output_rows, work.slots, work.tokens, work.top_k,
                             work.hidden_size),
            work.name, tag);
}

}  // namespace prophet::cpu
