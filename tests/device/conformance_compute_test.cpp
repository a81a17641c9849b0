// Operations, what they report, and the errors that they leave behind.
#include <map>
#include <set>
#include <string_view>

#include "kernels/checksum.hpp"
#include "kernels/combine.hpp"
#include "kernels/dense.hpp"
#include "kernels/expert_ffn.hpp"
#include "runtime/device/handles.hpp"
#include "tests/device/conformance.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t hidden_size = 24;
constexpr std::uint32_t width = 10;
constexpr std::uint32_t tokens = 3;

std::uint64_t bytes_of(std::size_t floats) {
  return floats * sizeof(float);
}

/// One layer on the host: dense, two experts, combine.
std::vector<float> layer_by_reference(std::vector<float> hidden, std::vector<float> weights,
                                      const std::vector<float>& slab, std::span<const std::uint32_t> rows,
                                      std::span<const std::uint32_t> slots) {
  std::vector<float> workspace(10'000);
  const std::uint64_t weight_rows = weights.size() / hidden_size;
  EXPECT_EQ(kernels::dense(hidden.data(), weights.data(), tokens, weight_rows, hidden_size, workspace.data()),
            kernels::Status::ok);
  std::vector<float> outputs(rows.size() * hidden_size);
  const auto expert = kernels::expert_matrices(slab.data(), bytes_of(slab.size()), hidden_size);
  EXPECT_EQ(kernels::expert_ffn(expert, hidden.data(), tokens, rows, outputs.data(), workspace.data()),
            kernels::Status::ok);
  EXPECT_EQ(kernels::combine(hidden.data(), outputs.data(), rows.size(), slots, tokens, 2, hidden_size),
            kernels::Status::ok);
  return hidden;
}

TEST_P(Conformance, OperationsComputeWhatTheReferencesCompute) {
  if (!has_bytes()) GTEST_SKIP() << "this device has no bytes";
  Random random(fresh_seed());
  const std::vector<float> hidden = random_floats(random, tokens * hidden_size);
  const std::vector<float> weights = random_floats(random, 40 * hidden_size);
  const std::vector<float> slab = random_floats(random, 3 * width * hidden_size);
  const std::vector<std::uint32_t> rows = {2, 0};
  const std::vector<std::uint32_t> slots = {0, 1, 1, 0, 1, 1};
  const auto upload = [&](StreamId stream, const std::vector<float>& values) {
    const BufferView host = pinned(bytes_of(values.size()));
    put_floats(host, values);
    const BufferView there = on_device(host.size_bytes);
    device().copy(stream, there, host, 0);
    return there;
  };
  const Stream stream(device(), StreamRole::compute);
  const BufferView hidden_there = upload(stream.id(), hidden);
  const BufferView weights_there = upload(stream.id(), weights);
  const BufferView slab_there = upload(stream.id(), slab);
  const BufferView outputs = on_device(bytes_of(rows.size() * hidden_size));
  const BufferView back = pinned(hidden_there.size_bytes);

  device().launch(stream.id(), DenseOp{weights_there, hidden_there, tokens, hidden_size, 0}, 0);
  device().launch(stream.id(),
                  ExpertOp{slab_there, {}, hidden_there, outputs, rows, hidden_size, 0, 0, false}, 0);
  device().launch(stream.id(), CombineOp{hidden_there, outputs, slots, tokens, 2, hidden_size}, 0);
  device().copy(stream.id(), back, hidden_there, 0);
  device().synchronize();
  expect_floats(floats(back), layer_by_reference(hidden, weights, slab, rows, slots));
}

/// An expert of which all bytes are in pinned memory, and the streams that take it.
TEST_P(Conformance, TheHostComputesWhatTheReferenceComputesAndTheDeviceReadsItInPlace) {
  Random random(fresh_seed());
  const std::vector<float> hidden = random_floats(random, tokens * hidden_size);
  const std::vector<float> slab = random_floats(random, 3 * width * hidden_size);
  const std::vector<std::uint32_t> rows = {2, 0};
  const std::uint64_t output_bytes = bytes_of(rows.size() * hidden_size);
  const BufferView store = pinned(bytes_of(slab.size()));
  const BufferView hidden_here = pinned(bytes_of(hidden.size()));
  const BufferView output_here = pinned(output_bytes);
  const BufferView hidden_there = on_device(hidden_here.size_bytes);
  const BufferView output_there = on_device(output_bytes);
  const BufferView back = pinned(output_bytes);
  const BufferView in_place_back = pinned(output_bytes);
  put_floats(store, slab);
  put_floats(hidden_here, hidden);
  const Stream compute(device(), StreamRole::compute);
  const Stream host(device(), StreamRole::host_compute);
  const Event computed(device());
  const Event sent(device());
  device().copy(compute.id(), hidden_there, hidden_here, 0);
  device().launch(host.id(), ExpertOp{store, store, hidden_here, output_here, rows, hidden_size, 0, 0, false},
                  0);
  // As the engine does: the results go to device memory on the host's own stream, and the accelerator waits.
  device().copy(host.id(), output_there, output_here, 0);
  device().record(host.id(), computed.id());
  device().wait(compute.id(), computed.id());
  device().copy(compute.id(), back, output_there, 0);
  device().launch(compute.id(),
                  ExpertOp{store, store, hidden_there, output_there, rows, hidden_size, 0, 0, false}, 0);
  device().copy(compute.id(), in_place_back, output_there, 0);
  device().synchronize();
  if (!has_bytes()) return;
  std::vector<float> expected(rows.size() * hidden_size);
  std::vector<float> workspace(10'000);
  const auto expert = kernels::expert_matrices(slab.data(), bytes_of(slab.size()), hidden_size);
  EXPECT_EQ(kernels::expert_ffn(expert, hidden.data(), tokens, rows, expected.data(), workspace.data()),
            kernels::Status::ok);
  EXPECT_EQ(floats(back), expected) << "the host computes by the reference, whatever the device";
  expect_floats(floats(in_place_back), expected);
}

TEST_P(Conformance, TheHostComputesWhatIsQueuedEachAsItWasAsked) {
  if (!has_bytes()) GTEST_SKIP() << "this device has no bytes";
  Random random(fresh_seed());
  constexpr std::size_t asked = 40;
  const std::uint64_t slab_bytes = bytes_of(3 * width * hidden_size);
  const std::uint64_t row_bytes = bytes_of(hidden_size);
  const BufferView store = pinned(slab_bytes);
  const BufferView hidden = pinned(tokens * row_bytes);
  const BufferView output = pinned(asked * row_bytes);
  const std::vector<float> slab = random_floats(random, 3 * width * hidden_size);
  const std::vector<float> values = random_floats(random, tokens * hidden_size);
  put_floats(store, slab);
  put_floats(hidden, values);
  const std::vector<std::uint32_t> each_row = {0, 1, 2};
  const Stream host(device(), StreamRole::host_compute);
  for (std::size_t i = 0; i < asked; ++i) {
    const auto row = std::span(each_row).subspan(i % tokens, 1);
    const BufferView to = output.slice(i * row_bytes, row_bytes);
    device().launch(host.id(), ExpertOp{store, store, hidden, to, row, hidden_size, 0, 0, false}, i);
  }
  device().synchronize();
  const auto expert = kernels::expert_matrices(slab.data(), slab_bytes, hidden_size);
  std::vector<float> workspace(10'000);
  for (std::size_t i = 0; i < asked; ++i) {
    std::vector<float> expected(hidden_size);
    EXPECT_EQ(kernels::expert_ffn(expert, values.data(), tokens, std::span(each_row).subspan(i % tokens, 1),
                                  expected.data(), workspace.data()),
              kernels::Status::ok);
    EXPECT_EQ(floats(output.slice(i * row_bytes, row_bytes)), expected) << "operation " << i;
  }
}

TEST_P(Conformance, AHostStreamTakesExpertsInPinnedMemoryOnly) {
  const std::vector<std::uint32_t> rows = {0};
  const BufferView here = pinned(bytes_of(3 * width * hidden_size));
  const BufferView there = on_device(here.size_bytes);
  const Stream host(device(), StreamRole::host_compute);
  const auto launch = [&](BufferView slab, BufferView hidden, BufferView output) {
    const BufferView rows_of_hidden = hidden.slice(0, bytes_of(hidden_size));
    const BufferView rows_of_output = output.slice(0, bytes_of(hidden_size));
    return refusal(ErrorCode::usage, [&] {
      device().launch(host.id(),
                      ExpertOp{slab, {}, rows_of_hidden, rows_of_output, rows, hidden_size, 0, 0, false}, 0);
    });
  };
  EXPECT_NE(launch(there, here, here).find("the slab"), std::string::npos);
  EXPECT_NE(launch(here, there, here).find("hidden"), std::string::npos);
  EXPECT_NE(launch(here, here, there).find("the output"), std::string::npos);
  const BufferView hidden = there.slice(0, bytes_of(hidden_size));
  EXPECT_NE(refusal(ErrorCode::usage,
                    [&] {
                      device().launch(host.id(), DenseOp{{}, hidden, 1, hidden_size, 0}, 0);
                    })
                .find("experts only"),
            std::string::npos);
  device().synchronize();
}

TEST_P(Conformance, AWrongSlabOnTheHostIsAnErrorOfTheNextWait) {
  if (!has_bytes()) GTEST_SKIP() << "this device has no bytes";
  const std::vector<std::uint32_t> rows = {0};
  const BufferView slab = pinned(bytes_of(3 * width * hidden_size));
  const BufferView activations = pinned(bytes_of(2 * hidden_size));
  fill(slab, 0);
  ExpertOp op;
  op.slab = op.source = slab;
  op.hidden = activations.slice(0, bytes_of(hidden_size));
  op.output = activations.slice(bytes_of(hidden_size), bytes_of(hidden_size));
  op.rows = rows;
  op.hidden_size = hidden_size;
  op.verify = true;
  op.checksum = kernels::checksum(device().host_bytes(slab)) + 1;
  const Stream host(device(), StreamRole::host_compute);
  device().launch(host.id(), op, 7);
  EXPECT_NE(refusal(ErrorCode::check_failed, [&] { device().synchronize(); }).find("tag 7"),
            std::string::npos);
  device().synchronize();  // said once
}

class Spans : public TimelineSink {
 public:
  void on_span(const TimelineSpan& span) override { spans.push_back(span); }
  std::vector<TimelineSpan> spans;
};

TEST_P(Conformance, TheTimelineShowsEveryOperationOnce) {
  const BufferView host = pinned(100'000);
  const BufferView there = on_device(100'000);
  const BufferView hidden = on_device(bytes_of(tokens * hidden_size));
  Spans sink;
  device().set_timeline(&sink);
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  {
    // All on one stream, so that one thread at a time calls the sink.
    const Stream stream(device(), StreamRole::demand_copy);
    begin_ns = device().now_ns();
    for (std::uint64_t i = 0; i < 10; ++i) {
      device().copy(stream.id(), there, host, 100 + i);
      device().launch(stream.id(), DenseOp{there, hidden, tokens, hidden_size, 1000}, 200 + i);
    }
    device().synchronize();
    end_ns = device().now_ns();
    const StreamTimes times = device().times(stream.id());
    EXPECT_GT(times.busy_ns, 0U);
    EXPECT_LE(times.busy_ns + times.blocked_ns, end_ns - begin_ns);
    device().set_timeline(nullptr);
    device().copy(stream.id(), there, host, 300);
    device().synchronize();
  }
  std::map<std::uint64_t, std::string_view> names;
  std::uint64_t last_end_ns = begin_ns;
  for (const TimelineSpan& span : sink.spans) {
    EXPECT_EQ(span.role, StreamRole::demand_copy);
    EXPECT_LE(span.start_ns, span.end_ns);
    EXPECT_GE(span.start_ns, last_end_ns) << "spans of a stream overlap";
    last_end_ns = span.end_ns;
    EXPECT_TRUE(names.emplace(span.tag, span.name).second) << "tag " << span.tag << " twice";
    EXPECT_GE(span.bytes, 100'000U);
  }
  EXPECT_LE(last_end_ns, end_ns);
  ASSERT_EQ(names.size(), 20U);
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(names[100 + i], "copy");
    EXPECT_EQ(names[200 + i], "dense");
  }
}

TEST_P(Conformance, AStreamThatWaitsForAnotherIsBlockedNotBusy) {
  const BufferView host = pinned(4 << 20);
  const BufferView there = on_device(4 << 20);
  const Stream copies(device(), StreamRole::demand_copy);
  const Stream compute(device(), StreamRole::compute);
  const Event copied(device());
  device().copy(copies.id(), there, host, 0);
  device().record(copies.id(), copied.id());
  device().wait(compute.id(), copied.id());
  device().synchronize();
  EXPECT_EQ(device().times(compute.id()).busy_ns, 0U);
  EXPECT_GT(device().times(copies.id()).busy_ns, 0U);
  EXPECT_EQ(device().times(copies.id()).blocked_ns, 0U);
}

/// A slab whose contents came from one source, checked against another.
class WrongSlab {
 public:
  explicit WrongSlab(Device& device)
      : host_(device, MemoryKind::host_pinned, 2000),
        slab_(device, MemoryKind::device, 1000),
        hidden_(device, MemoryKind::device, 4) {
    device.declare_units(slab_.view(), 1000, 1000);
  }
  void launch(Device& device, StreamId stream) {
    device.copy(stream, slab_.view(), host_.view().slice(0, 1000), 0);
    const BufferView other = host_.view().slice(1000, 1000);
    device.launch(stream, ExpertOp{slab_.view(), other, hidden_.view(), hidden_.view(), {}, 1, 0, 1, true},
                  77);
  }

 private:
  Buffer host_;
  Buffer slab_;
  Buffer hidden_;
};

TEST_P(Conformance, AWrongSlabIsReportedOnceByTheNextWaitOfAnyKind) {
  WrongSlab wrong(device());
  const Stream stream(device(), StreamRole::compute);
  const Event event(device());
  const std::vector<EventId> events = {event.id()};
  const std::vector<std::function<void()>> waits = {[&] { device().synchronize(); },
                                                    [&] { device().synchronize(event.id()); },
                                                    [&] { device().wait_any(events); }};
  for (const auto& wait : waits) {
    wrong.launch(device(), stream.id());
    device().record(stream.id(), event.id());
    refusal(ErrorCode::check_failed, wait);
    EXPECT_NO_THROW(device().synchronize());
  }
}

TEST_P(Conformance, ASlabThatHoldsItsSourceIsVerified) {
  const BufferView host = pinned(1200);
  const BufferView slab = on_device(1200);
  const BufferView hidden = on_device(4);
  device().declare_units(slab, 1200, 1200);
  fill(host, 17);
  const BufferView source = host.slice(0, 1000);
  const std::uint64_t checksum = has_bytes() ? kernels::checksum(device().host_bytes(source)) : 0;
  const Stream stream(device(), StreamRole::compute);
  device().copy(stream.id(), slab, host, 0);
  const std::vector<std::uint32_t> rows = {0};
  device().launch(stream.id(),
                  ExpertOp{slab,
                           host,
                           hidden,
                           hidden,
                           {},
                           1,
                           0,
                           has_bytes() ? kernels::checksum(device().host_bytes(host)) : 0,
                           true},
                  0);
  if (has_bytes()) {
    device().launch(stream.id(), ExpertOp{slab, source, hidden, hidden, {}, 1, 0, checksum, true}, 0);
  }
  EXPECT_NO_THROW(device().synchronize());
}

}  // namespace
}  // namespace prophet::testing
