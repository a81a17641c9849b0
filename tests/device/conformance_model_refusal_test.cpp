// Operations of a live model with wrong shapes are refused by name, and nothing is written.
#include <limits>
#include <type_traits>

#include "runtime/device/handles.hpp"
#include "runtime/device/make_device.hpp"
#include "tests/device/model_conformance.hpp"

namespace prophet::testing {
namespace {

using kernels::FloatFormat;

/// Buffers that every operation below fits in, on a device; what is written must stay as it was.
class SoundOps {
 public:
  static constexpr std::uint64_t room_bytes = 1 << 16;

  explicit SoundOps(Device& device)
      : read_(device, MemoryKind::device, room_bytes),
        written_(device, MemoryKind::device, room_bytes),
        host_(device, MemoryKind::host_pinned, room_bytes) {}

  [[nodiscard]] BufferView read(std::uint64_t bytes) const { return read_.view().slice(0, bytes); }
  [[nodiscard]] BufferView written(std::uint64_t bytes) const { return written_.view().slice(0, bytes); }
  [[nodiscard]] BufferView on_host(std::uint64_t bytes) const { return host_.view().slice(0, bytes); }

  [[nodiscard]] EmbedOp embed() const {
    return {{read(10 * 8 * 4), FloatFormat::fp32, 10, 8}, read(3 * 4), written(3 * 8 * 4), 3};
  }
  [[nodiscard]] NormOp norm() const {
    return {read(3 * 8 * 4), written(3 * 8 * 4), read(8 * 2), FloatFormat::bf16, 3, 8, 1e-5F};
  }
  [[nodiscard]] LinearOp linear() const {
    return {{read(10 * 8 * 2), FloatFormat::fp16, 10, 8},
            read(10 * 2),
            read(3 * 8 * 4),
            written(3 * 10 * 4),
            3,
            false};
  }
  [[nodiscard]] RotaryOp rotary() const {
    return {written(3 * 2 * 8 * 4), read(5 * 8 * 4), read(3 * 4), 3, 2, 8};
  }
  [[nodiscard]] KvPagesView pages(BufferView memory) const {
    return {memory, read(2 * 3 * 4), FloatFormat::bf16, 2, 2 * 2 * 64 * 2, 2, 3};
  }
  [[nodiscard]] KvAppendOp kv_append() const {
    return {pages(written(4 * 512)), read(3 * 64 * 4), read(3 * 64 * 4), read(3 * 4), read(3 * 4), 3, 1, 64};
  }
  [[nodiscard]] AttentionOp attention() const {
    return {
        pages(read(4 * 512)), read(2 * 2 * 64 * 4), written(2 * 2 * 64 * 4), read(2 * 4), 6, 2, 1, 64, 1, 0};
  }
  [[nodiscard]] RouteOp route() const {
    return {read(3 * 16 * 4),
            written(3 * 2 * 4),
            written(4096).slice(1024, 3 * 2 * 4),
            {.experts = 16, .top_k = 2},
            3};
  }
  [[nodiscard]] MixOp mix() const {
    return {written(3 * 8 * 4), read(6 * 8 * 4), read(6 * 4), read(3 * 8 * 4), read(3 * 4), slots_, 3, 2, 8};
  }
  [[nodiscard]] ActivateOp activate() const {
    return {written(100 * 4), read(100 * 4), kernels::ExpertActivation::swiglu, 100};
  }

 private:
  Buffer read_, written_, host_;
  std::vector<std::uint32_t> slots_{0, 1, 2, 3, 4, 5};
};

/// Every operation as it is, given to `visit`.
template <class Visit>
void for_each_sound(const SoundOps& ops, Visit visit) {
  visit(ops.embed());
  visit(ops.norm());
  visit(ops.linear());
  visit(ops.rotary());
  visit(ops.kv_append());
  visit(ops.attention());
  visit(ops.route());
  visit(ops.mix());
  visit(ops.activate());
}

/// One way to make an operation wrong, and what the sentence then says.
template <class Op>
struct Wrong {
  const char* sentence;
  void (*change)(Op&, const SoundOps&);
};

class ModelRefusal : public ModelConformance {
 protected:
  template <class Op>
  void expect_all_refused(const SoundOps& ops, const Op& sound, std::initializer_list<Wrong<Op>> wrongs) {
    const Stream stream(device(), StreamRole::compute);
    const BufferView room = ops.written(SoundOps::room_bytes);
    const BufferView host = ops.on_host(SoundOps::room_bytes);
    fill(host, 0x5A);
    device().copy(stream.id(), room, host, 0);
    device().synchronize();
    fill(host, 0);
    for (const Wrong<Op>& wrong : wrongs) {
      SCOPED_TRACE(wrong.sentence);
      Op op = sound;
      wrong.change(op, ops);
      expect_refused(stream.id(), op, wrong.sentence);
    }
    device().copy(stream.id(), host, room, 0);
    device().synchronize();
    expect_bytes(host, 0x5A);
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, ModelRefusal,
                         ::testing::Values(DeviceCase{"cpu", [] { return make_device("cpu", {}); }}),
                         [](const auto& one) { return one.param.name; });

TEST_P(ModelRefusal, EmbeddingsOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<EmbedOp>(
      ops, ops.embed(),
      {{"the table has", [](EmbedOp& op, const SoundOps&) { op.table.rows = 11; }},
       {"the number of columns is 0", [](EmbedOp& op, const SoundOps&) { op.table.columns = 0; }},
       {"the number of rows is", [](EmbedOp& op, const SoundOps&) { op.table.rows = 0xFFFFFFFFU; }},
       {"format 7 is unknown", [](EmbedOp& op, const SoundOps&) { op.table.format = FloatFormat{7}; }},
       {"the ids has", [](EmbedOp& op, const SoundOps&) { op.ids.size_bytes -= 1; }},
       {"the output has", [](EmbedOp& op, const SoundOps&) { op.output.size_bytes -= 1; }},
       {"the output has", [](EmbedOp& op, const SoundOps&) { op.tokens = 0xFFFFFFFFU; }},
       {"multiple of 4", [](EmbedOp& op, const SoundOps&) { op.ids.offset_bytes += 2; }},
       {"not allocated", [](EmbedOp& op, const SoundOps&) { op.output = {}; }},
       {"in host memory", [](EmbedOp& op, const SoundOps& o) { op.output = o.on_host(96); }},
       {"overlaps the table", [](EmbedOp& op, const SoundOps& o) { op.output = o.read(96); }}});
}

TEST_P(ModelRefusal, NormsOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<NormOp>(
      ops, ops.norm(),
      {{"the input has", [](NormOp& op, const SoundOps&) { op.input.size_bytes -= 4; }},
       {"the output has", [](NormOp& op, const SoundOps&) { op.output.size_bytes -= 4; }},
       {"the weight has", [](NormOp& op, const SoundOps&) { op.format = FloatFormat::fp32; }},
       {"the number of columns", [](NormOp& op, const SoundOps&) { op.columns = 0; }},
       {"epsilon is", [](NormOp& op, const SoundOps&) { op.epsilon = -1; }},
       {"epsilon is nan",
        [](NormOp& op, const SoundOps&) { op.epsilon = std::numeric_limits<float>::quiet_NaN(); }},
       {"overlaps the input",
        [](NormOp& op, const SoundOps& o) {
          op.input = o.written(96);
          op.output = o.written(200).slice(4, 96);
        }},
       {"overlaps the weight", [](NormOp& op, const SoundOps& o) { op.weight = o.written(16); }}});
}

TEST_P(ModelRefusal, ProjectionsOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<LinearOp>(
      ops, ops.linear(),
      {{"the matrix has", [](LinearOp& op, const SoundOps&) { op.weights.format = FloatFormat::fp32; }},
       {"the matrix has", [](LinearOp& op, const SoundOps&) { op.weights.columns = 1U << 24U; }},
       {"the bias has", [](LinearOp& op, const SoundOps&) { op.bias.size_bytes -= 2; }},
       {"the input has", [](LinearOp& op, const SoundOps&) { op.input.size_bytes -= 4; }},
       {"the output has", [](LinearOp& op, const SoundOps&) { op.tokens = 4; }},
       {"multiple of 2", [](LinearOp& op, const SoundOps&) { op.weights.data.offset_bytes += 1; }},
       {"overlaps the input", [](LinearOp& op, const SoundOps& o) { op.input = o.written(96); }},
       {"overlaps the bias", [](LinearOp& op, const SoundOps& o) { op.bias = o.written(20); }}});
}

TEST_P(ModelRefusal, RotationsOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<RotaryOp>(
      ops, ops.rotary(),
      {{"the values has", [](RotaryOp& op, const SoundOps&) { op.tokens = 4; }},
       {"heads * head_dim is 0", [](RotaryOp& op, const SoundOps&) { op.head_dim = 0; }},
       {"even number", [](RotaryOp& op, const SoundOps&) { op.head_dim = 7; }},
       {"heads * head_dim is", [](RotaryOp& op, const SoundOps&) { op.heads = op.head_dim = 1U << 20U; }},
       {"the positions has", [](RotaryOp& op, const SoundOps&) { op.positions.size_bytes = 8; }},
       {"overlaps the table", [](RotaryOp& op, const SoundOps& o) { op.table = o.written(160); }}});
}

TEST_P(ModelRefusal, KvRowsThatPagesCannotHold) {
  const SoundOps ops(device());
  expect_all_refused<KvAppendOp>(
      ops, ops.kv_append(),
      {{"a page has 512 bytes", [](KvAppendOp& op, const SoundOps&) { op.kv.format = FloatFormat::fp32; }},
       {"a page has 512 bytes", [](KvAppendOp& op, const SoundOps&) { op.kv.page_tokens = 3; }},
       {"a page has 0 tokens", [](KvAppendOp& op, const SoundOps&) { op.kv.page_tokens = 0; }},
       {"a page has 520 bytes", [](KvAppendOp& op, const SoundOps&) { op.kv.page_bytes += 8; }},
       {"the pages has", [](KvAppendOp& op, const SoundOps&) { op.kv.pages.size_bytes = 511; }},
       {"multiple of 16", [](KvAppendOp& op, const SoundOps&) { op.kv.pages.offset_bytes += 8; }},
       {"the block table has",
        [](KvAppendOp& op, const SoundOps&) { op.kv.sequences = op.kv.pages_max = 0xFFFFFFFFU; }},
       {"k has", [](KvAppendOp& op, const SoundOps&) { op.k.size_bytes -= 4; }},
       {"v has", [](KvAppendOp& op, const SoundOps&) { op.v.size_bytes -= 4; }},
       {"k begins at", [](KvAppendOp& op, const SoundOps&) { op.k.offset_bytes += 4; }},
       {"the sequences of tokens has",
        [](KvAppendOp& op, const SoundOps&) { op.sequence_of.size_bytes = 8; }},
       {"head_dim is 60", [](KvAppendOp& op, const SoundOps&) { op.head_dim = 60; }},
       {"overlaps k", [](KvAppendOp& op, const SoundOps& o) { op.k = o.written(768); }}});
}

TEST_P(ModelRefusal, AttentionOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<AttentionOp>(
      ops, ops.attention(),
      {{"72 values", [](AttentionOp& op, const SoundOps&) { op.head_dim = 72, op.kv.page_tokens = 1; }},
       {"expected a multiple", [](AttentionOp& op, const SoundOps&) { op.q_heads = 0; }},
       {"q has", [](AttentionOp& op, const SoundOps&) { op.q.size_bytes -= 4; }},
       {"the output has", [](AttentionOp& op, const SoundOps&) { op.output.size_bytes -= 4; }},
       {"the contexts has", [](AttentionOp& op, const SoundOps&) { op.context_tokens.size_bytes = 4; }},
       {"the scale is inf",
        [](AttentionOp& op, const SoundOps&) { op.scale = std::numeric_limits<float>::infinity(); }},
       {"overlaps the pages", [](AttentionOp& op, const SoundOps& o) { op.output = o.read(1024); }}});
}

TEST_P(ModelRefusal, RoutesOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<RouteOp>(
      ops, ops.route(),
      {{"no rule of a router", [](RouteOp& op, const SoundOps&) { op.rule.top_k = 17; }},
       {"the logits has", [](RouteOp& op, const SoundOps&) { op.logits.size_bytes -= 4; }},
       {"the ids has", [](RouteOp& op, const SoundOps&) { op.ids.size_bytes -= 4; }},
       {"the weights has", [](RouteOp& op, const SoundOps&) { op.weights.size_bytes -= 4; }},
       {"overlaps the ids", [](RouteOp& op, const SoundOps&) { op.weights = op.ids; }}});
}

TEST_P(ModelRefusal, MixesOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<MixOp>(
      ops, ops.mix(),
      {{"6 slots", [](MixOp& op, const SoundOps&) { op.top_k = 3; }},
       {"slot 5 of 5", [](MixOp& op, const SoundOps&) { op.outputs.size_bytes -= 4; }},
       {"hidden has", [](MixOp& op, const SoundOps&) { op.hidden.size_bytes -= 4; }},
       {"hidden_size is 0", [](MixOp& op, const SoundOps&) { op.hidden_size = 0; }},
       {"the weights has", [](MixOp& op, const SoundOps&) { op.weights.size_bytes -= 4; }},
       {"the shared expert has", [](MixOp& op, const SoundOps&) { op.shared.size_bytes -= 4; }},
       {"gate has", [](MixOp& op, const SoundOps&) { op.shared_gate.size_bytes -= 4; }},
       {"expected the shared expert too", [](MixOp& op, const SoundOps&) { op.shared = {}; }},
       {"overlaps the outputs", [](MixOp& op, const SoundOps& o) { op.outputs = o.written(192); }}});
}

TEST_P(ModelRefusal, ActivationsOfWrongShape) {
  const SoundOps ops(device());
  expect_all_refused<ActivateOp>(
      ops, ops.activate(),
      {{"the gate has", [](ActivateOp& op, const SoundOps&) { op.values = 101; }},
       {"the gate has", [](ActivateOp& op, const SoundOps&) { op.values = 1ULL << 62U; }},
       {"the up projection has", [](ActivateOp& op, const SoundOps&) { op.up.size_bytes -= 4; }},
       {"activation 7 is unknown",
        [](ActivateOp& op, const SoundOps&) { op.activation = kernels::ExpertActivation{7}; }},
       {"overlaps the up projection", [](ActivateOp& op, const SoundOps&) { op.up = op.gate; }}});
}

TEST_P(ModelRefusal, ExpertsThatTheirLayoutDoesNotFit) {
  const Buffer slab(device(), MemoryKind::device, 1 << 16);
  const Buffer hidden(device(), MemoryKind::device, 4096);
  const Buffer output(device(), MemoryKind::device, 4096);
  const std::vector<std::uint32_t> rows = {0};
  kernels::SlabLayout layout;
  ASSERT_EQ(
      kernels::slab_layout({.format = kernels::ExpertFormat::bf16, .hidden_size = 64, .width = 32}, layout),
      kernels::Status::ok);
  ExpertOp sound;
  sound.slab = slab.view();
  sound.hidden = hidden.view();
  sound.output = output.view();
  sound.rows = rows;
  sound.hidden_size = 64;
  sound.layout = &layout;
  const Stream stream(device(), StreamRole::compute);
  const auto refused = [&](const char* sentence, auto change) {
    ExpertOp op = sound;
    kernels::SlabLayout changed = layout;
    op.layout = &changed;
    change(op, changed);
    expect_refused(stream.id(), op, sentence);
  };
  using Layout = kernels::SlabLayout;
  refused("the slab has", [&](ExpertOp& op, Layout&) { op.slab.size_bytes = layout.size_bytes - 1; });
  refused("hidden_size is 32", [](ExpertOp& op, Layout&) { op.hidden_size = 32; });
  refused("activation relu", [](ExpertOp& op, Layout&) { op.activation = kernels::ExpertActivation::relu; });
  refused("multiple of 16", [](ExpertOp& op, Layout&) { op.slab = op.slab.slice(4, 1 << 15); });
  refused("not inside", [](ExpertOp&, Layout& l) { l.down.values_offset_bytes += 16; });
  refused("not inside", [](ExpertOp&, Layout& l) { l.up.values_offset_bytes = ~0ULL - 8; });
  refused("not inside", [](ExpertOp&, Layout& l) { l.shape.width = 1U << 31U; });
  refused("not inside", [](ExpertOp&, Layout& l) { l.gate.rows = 33; });
  refused("not inside", [](ExpertOp&, Layout& l) { l.gate.row_step = 4; });
  refused("not inside", [](ExpertOp&, Layout& l) { l.shape.format = kernels::ExpertFormat{9}; });
  refused("without a layout", [](ExpertOp& op, Layout&) {
    op.layout = nullptr;
    op.activation = kernels::ExpertActivation::geglu_erf;
  });
}

TEST(SimDevice, RefusesWhatItHasNothingToComputeWith) {
  const std::unique_ptr<Device> sim = make_device("sim:h100-80gb", {});
  const Stream stream(*sim, StreamRole::compute);
  const SoundOps ops(*sim);
  for_each_sound(ops, [&](const auto& op) {
    if constexpr (SimulatedModelOp<std::decay_t<decltype(op)>>) return;
    try {
      sim->launch(stream.id(), op, 0);
      ADD_FAILURE() << op.name << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_EQ(std::string(error.what()), std::string(op.name) +
                                               " operation: the sim moves no bytes and computes "
                                               "nothing, expected the device cpu or cuda");
    }
  });
  sim->synchronize();
  EXPECT_EQ(sim->times(stream.id()).busy_ns, 0U);
}

TEST_P(ModelRefusal, TheSameOperationsAreTakenAsTheyAreAndNamedInTheTimeline) {
  struct Names : TimelineSink {
    void on_span(const TimelineSpan& span) override { names.emplace_back(span.name); }
    std::vector<std::string> names;
  };
  Names sink;
  std::vector<std::string> expected;
  const SoundOps ops(device());
  device().set_timeline(&sink);
  {
    const Stream stream(device(), StreamRole::compute);
    for_each_sound(ops, [&](const auto& op) {
      device().launch(stream.id(), op, 0);
      expected.emplace_back(op.name);
    });
    device().synchronize();
  }
  device().set_timeline(nullptr);
  EXPECT_EQ(sink.names, expected);
}

}  // namespace
}  // namespace prophet::testing
