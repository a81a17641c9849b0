// What a host_compute stream promises when several of the host's cores compute its experts: the bits of one
// core, and errors that hold up nobody.
#include "tests/device/host_conformance.hpp"

#include "kernels/checksum.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/recording_device.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet::testing {
namespace {

std::unique_ptr<Device> cpu(std::uint32_t host_cores) {
  return make_cpu_device({64ULL << 20, 0, host_cores});
}

const std::vector<DeviceCase> cases = {
    {"cpu", [] { return cpu(0); }},
    {"cpu_one_core", [] { return cpu(1); }},
    {"cpu_five_cores", [] { return cpu(5); }},
    {"sim", [] { return make_device("sim:h100-80gb", {}); }},
    {"recording", [] { return std::make_unique<RecordingDevice>(cpu(3), RecordingOptions{1000}); }},
};

INSTANTIATE_TEST_SUITE_P(Devices, HostCores, ::testing::ValuesIn(cases),
                         [](const auto& one) { return one.param.name; });

const std::vector<std::uint32_t> some_rows[] = {{2}, {0, 3}, {3, 1, 0}};

TEST_P(HostCores, TogetherComputeTheBitsThatOneComputes) {
  constexpr std::size_t asked = 12;
  std::vector<BufferView> outputs;
  const Stream host(device(), StreamRole::host_compute);
  for (std::size_t i = 0; i < asked; ++i) {
    const auto& rows = some_rows[i % std::size(some_rows)];
    outputs.push_back(pinned(rows.size() * row_bytes));
    device().launch(host.id(), op(outputs.back(), rows), i);
  }
  device().synchronize();
  for (std::size_t i = 0; i < asked; ++i) expect_output(outputs[i], some_rows[i % std::size(some_rows)]);
}

TEST_P(HostCores, ServeSeveralStreamsAtOnce) {
  const Stream one(device(), StreamRole::host_compute);
  const Stream two(device(), StreamRole::host_compute);
  const Event both(device());
  std::vector<BufferView> outputs;
  for (std::size_t i = 0; i < 8; ++i) {
    outputs.push_back(pinned(some_rows[1].size() * row_bytes));
    device().launch(i % 2 == 0 ? one.id() : two.id(), op(outputs.back(), some_rows[1]), i);
  }
  device().record(two.id(), both.id());
  device().wait(one.id(), both.id());
  device().record(one.id(), both.id());
  device().synchronize(both.id());
  for (const BufferView output : outputs) expect_output(output, some_rows[1]);
}

TEST_P(HostCores, GoOnBehindAnExpertThatFails) {
  if (!has_bytes()) GTEST_SKIP() << "this device has no bytes";
  const Stream host(device(), StreamRole::host_compute);
  for (int round = 0; round < 2; ++round) {
    const BufferView before = pinned(row_bytes);
    const BufferView failing = pinned(row_bytes);
    const BufferView behind = pinned(row_bytes);
    fill(failing, 7);
    ExpertOp wrong = op(failing, some_rows[0]);
    wrong.verify = true;
    wrong.checksum = kernels::checksum(device().host_bytes(slab_)) + 1;
    device().launch(host.id(), op(before, some_rows[0]), 1);
    device().launch(host.id(), wrong, 2);
    device().launch(host.id(), op(behind, some_rows[0]), 3);
    EXPECT_NE(refusal(ErrorCode::check_failed, [&] { device().synchronize(); }).find("tag 2"),
              std::string::npos);
    device().synchronize();  // said once
    expect_output(before, some_rows[0]);
    expect_bytes(failing, 7);
    expect_output(behind, some_rows[0]);
  }
}

}  // namespace
}  // namespace prophet::testing
