// Memory, views and copies.
#include <limits>

#include "runtime/device/handles.hpp"
#include "tests/device/conformance.hpp"

namespace prophet::testing {
namespace {

TEST_P(Conformance, OutOfMemoryIsRefusedAndChangesNothing) {
  const std::uint64_t capacity = device().info().memory_bytes;
  ASSERT_GE(capacity, 8ULL << 20);
  const BufferView most = on_device(capacity - 4096);
  const std::string sentence = refusal(ErrorCode::out_of_memory, [&] { static_cast<void>(on_device(4097)); });
  EXPECT_NE(sentence.find("4097"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("4096"), std::string::npos) << sentence;
  const BufferView rest = on_device(4096);
  refusal(ErrorCode::out_of_memory, [&] { static_cast<void>(on_device(1)); });
  device().free(most);
  const BufferView again = on_device(capacity - 4096);
  device().free(again);
  device().free(rest);
}

TEST_P(Conformance, AbsurdSizesAreRefused) {
  refusal(ErrorCode::out_of_memory,
          [&] { static_cast<void>(on_device(std::numeric_limits<std::uint64_t>::max())); });
  refusal(ErrorCode::usage, [&] { static_cast<void>(on_device(0)); });
  refusal(ErrorCode::usage, [&] { static_cast<void>(pinned(0)); });
  device().free(on_device(device().info().memory_bytes));
}

TEST_P(Conformance, ViewsThatAreNotInsideALiveBufferAreRefused) {
  const BufferView host = pinned(1000);
  const BufferView there = on_device(1000);
  const BufferView freed = on_device(1000);
  device().free(freed);
  const Stream stream(device(), StreamRole::compute);
  const auto copy = [&](BufferView destination, BufferView source) {
    refusal(ErrorCode::usage, [&] { device().copy(stream.id(), destination, source, 0); });
  };
  copy(there.slice(1, 1000), host);
  copy(there, host.slice(999, 1000));
  copy(there.slice(std::numeric_limits<std::uint64_t>::max(), 1000), host);
  copy(there.slice(0, 999), host);
  copy(freed, host);
  copy(there, BufferView{});
  refusal(ErrorCode::usage, [&] { static_cast<void>(device().host_bytes(host.slice(0, 1001))); });
  refusal(ErrorCode::usage, [&] { device().declare_units(freed, 100, 10); });

  fill(host, 3);
  device().copy(stream.id(), there, host, 0);
  device().synchronize();
}

TEST_P(Conformance, OperationsWithWrongShapesAreRefused) {
  const BufferView hidden = on_device(64);
  const BufferView slab = on_device(96);
  const std::vector<std::uint32_t> rows = {0, 1};
  const std::vector<std::uint32_t> outside = {0, 2};
  const Stream stream(device(), StreamRole::compute);
  const auto refused = [&](const ComputeOp& op) {
    refusal(ErrorCode::usage, [&] { device().launch(stream.id(), op, 0); });
  };
  refused(DenseOp{slab, hidden, 3, 8, 0});
  refused(DenseOp{slab, hidden, 2, 0, 0});
  refused(ExpertOp{slab, {}, hidden, hidden, outside, 8, 0, 0, false});
  refused(ExpertOp{slab, {}, hidden, hidden.slice(0, 32), rows, 8, 0, 0, false});
  refused(ExpertOp{slab, {}, hidden, hidden, rows, 8, 0, 0, true});
  refused(CombineOp{hidden, hidden, rows, 2, 2, 8});
  refused(CombineOp{hidden, hidden, outside, 2, 1, 8});
  device().synchronize();
}

TEST_P(Conformance, EmptyCopiesAndOperationsDoNothing) {
  const BufferView host = pinned(64);
  const BufferView hidden = on_device(64);
  const BufferView slab = on_device(96);
  fill(host, 5);
  const Stream stream(device(), StreamRole::compute);
  device().copy(stream.id(), hidden.slice(64, 0), host.slice(0, 0), 0);
  device().copy(stream.id(), hidden, host, 0);
  device().launch(stream.id(), DenseOp{{}, hidden, 1, 8, 0}, 0);
  device().launch(stream.id(), ExpertOp{slab, {}, hidden, hidden, {}, 8, 0, 0, false}, 0);
  device().launch(stream.id(), CombineOp{hidden, hidden, {}, 0, 2, 8}, 0);
  fill(host.slice(0, 0), 0);
  device().copy(stream.id(), host, hidden, 0);
  device().synchronize();
  expect_bytes(host, 5);
}

TEST_P(Conformance, CopiesMoveExactlyTheirBytes) {
  const BufferView host = pinned(4096);
  const BufferView there = on_device(4096);
  const BufferView other = on_device(4096);
  fill(host, 0);
  const Stream stream(device(), StreamRole::demand_copy);
  device().copy(stream.id(), there, host, 0);
  device().synchronize();
  fill(host.slice(100, 1000), 8);
  device().copy(stream.id(), there.slice(333, 1000), host.slice(100, 1000), 0);
  device().copy(stream.id(), other, there, 0);
  device().copy(stream.id(), host, other, 0);
  device().synchronize();
  expect_bytes(host.slice(0, 333), 0);
  expect_bytes(host.slice(333, 1000), 8);
  expect_bytes(host.slice(1333, 4096 - 1333), 0);
}

TEST_P(Conformance, MemoryIsAlignedTo256Bytes) {
  if (!has_bytes()) GTEST_SKIP() << "no bytes, no addresses";
  for (const std::uint64_t size : {1ULL, 255ULL, 257ULL, 100'000ULL}) {
    const BufferView view = pinned(size);
    EXPECT_EQ(view.size_bytes, size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(device().host_bytes(view).data()) % 256, 0U);
  }
}

}  // namespace
}  // namespace prophet::testing
