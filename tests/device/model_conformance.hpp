#pragma once

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <vector>

#include "kernels/kv_float.hpp"
#include "tests/device/conformance.hpp"
#include "tests/kernels/float_arrays.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::testing {

/// Conformance with arrays that go up and come back: for the operations of a live model.
class ModelConformance : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (!IsSkipped() && !has_bytes()) GTEST_SKIP() << "this device has no bytes";
  }

  template <class Value>
  BufferView upload(StreamId stream, const std::vector<Value>& values) {
    const BufferView host = pinned(values.size() * sizeof(Value));
    std::memcpy(device().host_bytes(host).data(), values.data(), host.size_bytes);
    const BufferView there = on_device(host.size_bytes);
    device().copy(stream, there, host, 0);
    return there;
  }
  BufferView upload(StreamId stream, const std::vector<float>& values, kernels::FloatFormat format) {
    return upload(stream, stored(values, format));
  }
  /// What a view holds when everything submitted has finished.
  template <class Value>
  std::vector<Value> download(StreamId stream, BufferView view) {
    const BufferView host = pinned(view.size_bytes);
    device().copy(stream, host, view, 0);
    device().synchronize();
    std::vector<Value> values(view.size_bytes / sizeof(Value));
    std::memcpy(values.data(), device().host_bytes(host).data(), view.size_bytes);
    return values;
  }
  /// Launches an operation that must be refused with a sentence that names it.
  template <class Op>
  void expect_refused(StreamId stream, const Op& op, const char* part_of_sentence) {
    const std::string sentence = refusal(ErrorCode::usage, [&] { device().launch(stream, op, 0); });
    EXPECT_NE(sentence.find(fmt::format("{} operation", Op::name)), std::string::npos) << sentence;
    EXPECT_NE(sentence.find(part_of_sentence), std::string::npos) << sentence;
  }
};

}  // namespace prophet::testing
