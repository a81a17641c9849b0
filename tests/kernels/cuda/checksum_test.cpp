#include "kernels/cuda/checksum.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

#include "kernels/checksum.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::cuda::VerifyReport;
using testing::fresh_seed;

/// Sizes at which something begins or ends, and random ones.
std::size_t any_size(Random& random) {
  const std::size_t edges[] = {0, 1, 15, 16, 1023, 1024, 1025, 16383, 16384, 16385, 32768, 3 * 16384 + 1024};
  if (random.chance(0.5)) return edges[random.below(std::size(edges))];
  return random.below(100000);
}

std::vector<std::byte> random_bytes(Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
  return bytes;
}

/// A report in mapped host memory, zeroed.
class MappedReport {
 public:
  MappedReport() {
    expect_ok(cudaHostAlloc(reinterpret_cast<void**>(&host_), sizeof *host_, cudaHostAllocMapped));
    std::memset(host_, 0, sizeof *host_);
    expect_ok(cudaHostGetDevicePointer(reinterpret_cast<void**>(&device_), host_, 0));
  }
  MappedReport(const MappedReport&) = delete;
  MappedReport& operator=(const MappedReport&) = delete;
  ~MappedReport() { cudaFreeHost(host_); }

  [[nodiscard]] VerifyReport* device() const { return device_; }
  [[nodiscard]] const VerifyReport& read() const {
    expect_ok(cudaDeviceSynchronize());
    return *host_;
  }

 private:
  VerifyReport* host_ = nullptr;
  VerifyReport* device_ = nullptr;
};

class CudaChecksum : public OnDevice {};

TEST_F(CudaChecksum, IsTheReferenceAtAnySize) {
  Random random(fresh_seed());
  const DeviceArray<std::uint64_t> result(1);
  for (int repetition = 0; repetition < 40; ++repetition) {
    const std::vector<std::byte> bytes = random_bytes(random, any_size(random));
    const DeviceArray<std::byte> device_bytes(bytes);
    expect_ok(kernels::cuda::checksum(device_bytes.data(), bytes.size(), result.data(), nullptr));
    ASSERT_EQ(result.read().front(), kernels::checksum(bytes)) << bytes.size() << " bytes";
  }
}

TEST_F(CudaChecksum, CopiesEveryByteAndNoMore) {
  Random random(fresh_seed());
  const DeviceArray<std::uint64_t> result(1);
  for (int repetition = 0; repetition < 20; ++repetition) {
    const std::vector<std::byte> bytes = random_bytes(random, any_size(random));
    const DeviceArray<std::byte> source(bytes);
    std::vector<std::byte> expected(bytes.size() + 32, std::byte{0xee});
    const DeviceArray<std::byte> destination(expected);
    expect_ok(kernels::cuda::copy_with_checksum(destination.data(), source.data(), bytes.size(),
                                                result.data(), nullptr));
    std::copy(bytes.begin(), bytes.end(), expected.begin());
    ASSERT_EQ(destination.read(), expected) << bytes.size() << " bytes";
    ASSERT_EQ(result.read().front(), kernels::checksum(bytes)) << bytes.size() << " bytes";
  }
}

TEST_F(CudaChecksum, ReportsTheFirstMismatchAndNothingElse) {
  Random random(fresh_seed());
  const std::vector<std::byte> bytes = random_bytes(random, 50000);
  const std::uint64_t right = kernels::checksum(bytes);
  const DeviceArray<std::byte> device_bytes(bytes);
  const DeviceArray<std::uint64_t> sum(1);
  const MappedReport report;
  const auto verify = [&](std::uint64_t expected, std::uint64_t tag) {
    expect_ok(kernels::cuda::verify(device_bytes.data(), bytes.size(), expected, tag, sum.data(),
                                    report.device(), nullptr));
  };
  verify(right, 1);
  EXPECT_EQ(report.read().written, 0U);
  EXPECT_EQ(sum.read().front(), right);
  verify(right + 1, 2);
  verify(right + 2, 3);
  verify(right, 4);
  const VerifyReport& found = report.read();
  EXPECT_EQ(found.written, 1U);
  EXPECT_EQ(found.tag, 2U);
  EXPECT_EQ(found.expected, right + 1);
  EXPECT_EQ(found.found, right);
}

TEST_F(CudaChecksum, RefusesNullAndMisalignedPointers) {
  const DeviceArray<std::byte> bytes(64);
  const DeviceArray<std::uint64_t> result(1);
  const MappedReport report;
  using namespace kernels::cuda;
  EXPECT_EQ(checksum(nullptr, 1, result.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(checksum(bytes.data() + 8, 8, result.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(checksum(bytes.data(), 64, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(checksum(bytes.data(), std::uint64_t{1} << 46, result.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(copy_with_checksum(nullptr, bytes.data(), 16, result.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(copy_with_checksum(bytes.data() + 17, bytes.data(), 16, result.data(), nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(verify(bytes.data(), 64, 0, 0, result.data(), nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(verify(bytes.data(), 64, 0, 0, nullptr, report.device(), nullptr), cudaErrorInvalidValue);
  expect_ok(checksum(nullptr, 0, result.data(), nullptr));
  EXPECT_EQ(result.read().front(), 0U);
}

}  // namespace
}  // namespace prophet::kernels_test
