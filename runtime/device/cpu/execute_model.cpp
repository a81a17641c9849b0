// The operations of a live model by the references in kernels/.
#include "runtime/device/cpu/execute.hpp"
#include "runtime/device/cpu/expect_ok.hpp"

namespace prophet::cpu {

void execute(const EmbedWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::embed(work.call), work.name, tag);
}

void execute(const NormWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::rms_norm(work.call), work.name, tag);
}

void execute(const LinearWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::linear(work.call), work.name, tag);
}

void execute(const RotaryWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::rotary(work.call), work.name, tag);
}

void execute(const KvAppendWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::kv_append(work.pages, work.rows), work.name, tag);
}

void execute(const AttentionWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::paged_attention(work.pages, work.call), work.name, tag);
}

void execute(const RouteWork& work, std::uint64_t tag, Scratch&) {
  const std::size_t tokens = work.tokens;
  const std::size_t choices = tokens * work.rule.top_k;
  expect_ok(kernels::router_topk({work.logits, tokens * work.rule.experts}, {}, work.tokens, work.rule,
                                 {work.ids, choices}, {work.weights, choices}),
            work.name, tag);
}

void execute(const MixWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::mix_experts(work.call), work.name, tag);
}

void execute(const ActivateWork& work, std::uint64_t tag, Scratch&) {
  expect_ok(kernels::activate_rows(work.call), work.name, tag);
}

void execute(const PredictWork& work, std::uint64_t tag, Scratch&) {
  const std::size_t values = kernels::predictor_row_values(work.weights.experts);
  expect_ok(kernels::predictor_logits(work.weights, work.input, {work.logits, work.input.lanes * values}),
            work.name, tag);
}

}  // namespace prophet::cpu
