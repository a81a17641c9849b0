#include "kernels/cuda/checksum.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
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

/// Slabs of a list with what they should hold, as a resolve kernel and a host store leave them.
struct ListedSlabs {
  static constexpr std::uint32_t slabs = 4;
  static constexpr std::uint32_t experts = 7;

  ListedSlabs(Random& random, std::size_t size)
      : bytes(random_bytes(random, slabs * stride_of(size))), device_bytes(bytes), expected(experts) {
    for (std::uint32_t i = 0; i < slabs; ++i) {
      pointers.push_back(device_bytes.data() + i * stride_of(size));
      expected[expert_of[i]] = kernels::checksum(std::span(bytes).subspan(i * stride_of(size), size));
    }
  }
  static std::size_t stride_of(std::size_t size) { return (size / 256 + 1) * 256; }

  std::vector<std::byte> bytes;
  DeviceArray<std::byte> device_bytes;
  std::vector<const void*> pointers;
  std::vector<std::uint32_t> expert_of = {1, 2, 5, 6};
  std::vector<std::uint64_t> expected;
};

/// What verify_list reports of the first `count` of them.
VerifyReport verify_listed(const ListedSlabs& listed, std::size_t size, std::uint32_t count) {
  const DeviceArray<const void*> pointers(listed.pointers);
  const DeviceArray<std::uint32_t> experts(listed.expert_of);
  const DeviceArray<std::uint64_t> expected(listed.expected);
  const DeviceArray<std::uint32_t> counted(std::vector<std::uint32_t>{count});
  const DeviceArray<std::uint64_t> sums(ListedSlabs::slabs);
  const MappedReport report;
  expect_ok(kernels::cuda::verify_list({pointers.data(), experts.data(), counted.data(), ListedSlabs::slabs},
                                       size, expected.data(), 100, sums.data(), report.device(), nullptr));
  return report.read();
}

TEST_F(CudaChecksum, FindsTheWrongSlabOfAList) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 10; ++repetition) {
    const std::size_t size = any_size(random) + 1;
    ListedSlabs listed(random, size);
    EXPECT_EQ(verify_listed(listed, size, ListedSlabs::slabs).written, 0U) << size << " bytes";
    const auto wrong = static_cast<std::uint32_t>(random.below(ListedSlabs::slabs));
    const std::uint64_t right = listed.expected[listed.expert_of[wrong]]++;
    const VerifyReport found = verify_listed(listed, size, ListedSlabs::slabs);
    EXPECT_EQ(found.written, 1U) << size << " bytes";
    EXPECT_EQ(found.tag, 100 + listed.expert_of[wrong]);
    EXPECT_EQ(found.found, right);
    EXPECT_EQ(verify_listed(listed, size, wrong).written, 0U) << "a slab beyond the count was verified";
    listed.pointers[wrong] = nullptr;
    EXPECT_EQ(verify_listed(listed, size, ListedSlabs::slabs).written, 0U) << "a slab that is null was";
  }
}

TEST_F(CudaChecksum, RefusesAListThatIsNotWhole) {
  const DeviceArray<const void*> slabs(1);
  const DeviceArray<std::uint32_t> values(1);
  const DeviceArray<std::uint64_t> sums(1);
  const MappedReport report;
  const auto verify = [&](const kernels::cuda::SlabList& list, std::uint64_t size,
                          const std::uint64_t* expected) {
    return kernels::cuda::verify_list(list, size, expected, 0, sums.data(), report.device(), nullptr);
  };
  EXPECT_EQ(verify({nullptr, values.data(), values.data(), 1}, 16, sums.data()), cudaErrorInvalidValue);
  EXPECT_EQ(verify({slabs.data(), nullptr, values.data(), 1}, 16, sums.data()), cudaErrorInvalidValue);
  EXPECT_EQ(verify({slabs.data(), values.data(), nullptr, 1}, 16, sums.data()), cudaErrorInvalidValue);
  EXPECT_EQ(verify({slabs.data(), values.data(), values.data(), 1}, 16, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(verify({slabs.data(), values.data(), values.data(), 65536}, 16, sums.data()),
            cudaErrorInvalidValue);
  expect_ok(verify({slabs.data(), values.data(), values.data(), 0}, 16, sums.data()));
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
