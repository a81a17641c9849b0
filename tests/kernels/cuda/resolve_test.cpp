#include "kernels/cuda/resolve.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/kernels/resolve_lists.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ResolveReport;
using kernels::SlabTable;
using testing::any_routing;
using testing::fresh_seed;
using testing::ResolvedLists;
using testing::RoutingCase;

constexpr std::uint64_t slab_bytes = 4096;

/// A report in mapped host memory, zeroed.
class MappedReport {
 public:
  MappedReport() {
    expect_ok(cudaHostAlloc(reinterpret_cast<void**>(&host_), sizeof *host_, cudaHostAllocMapped));
    expect_ok(cudaHostGetDevicePointer(reinterpret_cast<void**>(&device_), host_, 0));
    clear();
  }
  MappedReport(const MappedReport&) = delete;
  MappedReport& operator=(const MappedReport&) = delete;
  ~MappedReport() { cudaFreeHost(host_); }

  void clear() { std::memset(host_, 0, sizeof *host_); }
  [[nodiscard]] ResolveReport* device() const { return device_; }
  /// When everything submitted so far has run.
  [[nodiscard]] const ResolveReport& read() const {
    expect_ok(cudaDeviceSynchronize());
    return *host_;
  }

 private:
  ResolveReport* host_ = nullptr;
  ResolveReport* device_ = nullptr;
};

/// The arrays of one resolve on the device, filled as ResolvedLists fills its own. `base` is never read.
class DeviceLists {
 public:
  explicit DeviceLists(const RoutingCase& routing) : DeviceLists(routing, ResolvedLists(routing)) {}

  [[nodiscard]] kernels::ResolvedExperts view() const {
    return {counts_.data(),    counts_.data() + 1, experts_.data(), slabs_.data(),
            first_row_.data(), rows_.data(),       slots_.data()};
  }
  [[nodiscard]] SlabTable table(const std::byte* base) const {
    return {slab_of_.data(), static_cast<std::uint32_t>(slab_of_.size()), slabs_count_, base, slab_bytes};
  }
  void change_table(const std::vector<std::uint32_t>& slab_of) const { write(slab_of_, slab_of); }

  template <class T>
  static void write(const DeviceArray<T>& array, const std::vector<T>& values) {
    expect_ok(cudaMemcpy(array.data(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  }

  void expect_equal(const ResolvedLists& expected) const {
    EXPECT_EQ(counts_.read(), expected.counts);
    EXPECT_EQ(experts_.read(), expected.experts);
    EXPECT_EQ(slabs_.read(), expected.slabs);
    EXPECT_EQ(first_row_.read(), expected.first_row);
    EXPECT_EQ(rows_.read(), expected.rows);
    EXPECT_EQ(slots_.read(), expected.slots);
  }

 private:
  DeviceLists(const RoutingCase& routing, const ResolvedLists& start)
      : slabs_count_(routing.slabs),
        slab_of_(routing.slab_of),
        counts_(start.counts),
        experts_(start.experts),
        slabs_(start.slabs),
        first_row_(start.first_row),
        rows_(start.rows),
        slots_(start.slots) {}

  std::uint32_t slabs_count_;
  DeviceArray<std::uint32_t> slab_of_;
  DeviceArray<std::uint32_t> counts_;
  DeviceArray<std::uint32_t> experts_;
  DeviceArray<const void*> slabs_;
  DeviceArray<std::uint32_t> first_row_;
  DeviceArray<std::uint32_t> rows_;
  DeviceArray<std::uint32_t> slots_;
};

/// What the reference lists for slabs at `base`.
void resolve_on_host(const RoutingCase& routing, const std::byte* base, ResolvedLists& lists,
                     ResolveReport& report) {
  const SlabTable table{routing.slab_of.data(), routing.experts, routing.slabs, base, slab_bytes};
  ASSERT_EQ(kernels::resolve(routing.ids, routing.top_k, table, lists.view(), &report), kernels::Status::ok);
}

void expect_equal(const ResolveReport& found, const ResolveReport& expected) {
  EXPECT_EQ(found.written, 1U);
  EXPECT_EQ(found.distinct, expected.distinct);
  EXPECT_EQ(found.invalid, 0U);
  ASSERT_EQ(found.missing, expected.missing);
  EXPECT_EQ(std::memcmp(found.missing_experts, expected.missing_experts, sizeof found.missing_experts), 0);
}

template <class Id>
void expect_reference(const RoutingCase& routing) {
  const DeviceArray<std::byte> arena(16);
  const DeviceArray<Id> ids(std::vector<Id>(routing.ids.begin(), routing.ids.end()));
  const DeviceLists lists(routing);
  const MappedReport report;
  expect_ok(kernels::cuda::resolve(ids.data(), routing.tokens, routing.top_k, lists.table(arena.data()),
                                   lists.view(), report.device(), nullptr));
  ResolvedLists expected(routing);
  ResolveReport expected_report{};
  resolve_on_host(routing, arena.data(), expected, expected_report);
  expect_equal(report.read(), expected_report);
  lists.expect_equal(expected);
}

class CudaResolve : public OnDevice {};

TEST_F(CudaResolve, ListsWhatTheReferenceListsInTheSameOrder) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 60 && !HasFailure(); ++repetition) {
    const RoutingCase routing = any_routing(random);
    SCOPED_TRACE(::testing::Message() << routing.tokens << " tokens, top " << routing.top_k << " of "
                                      << routing.experts << " experts, " << routing.slabs << " slabs");
    if (random.chance(0.5)) {
      expect_reference<std::uint16_t>(routing);
    } else {
      expect_reference<std::uint32_t>(routing);
    }
  }
}

TEST_F(CudaResolve, ListsTheMostChoicesThatItTakes) {
  RoutingCase routing;
  routing.tokens = 1024;
  routing.top_k = 16;
  routing.experts = 512;
  for (std::uint32_t c = 0; c < 1024 * 16; ++c) routing.ids.push_back((c * 37 + c / 16) % 512);
  routing.slab_of.assign(512, kernels::no_slab);
  expect_reference<std::uint16_t>(routing);
  routing.ids.assign(std::size_t{1024} * 16, 511);
  expect_reference<std::uint32_t>(routing);
}

TEST_F(CudaResolve, CountsInvalidChoicesAndKeepsTheOthersInOrder) {
  const RoutingCase routing{
      .tokens = 2, .top_k = 2, .experts = 3, .slabs = 1, .ids = {9, 2, 2, 0xffff}, .slab_of = {0, 0, 0}};
  const DeviceArray<std::byte> arena(16);
  const DeviceArray<std::uint32_t> ids(routing.ids);
  const DeviceLists lists(routing);
  const MappedReport report;
  expect_ok(kernels::cuda::resolve(ids.data(), 2, 2, lists.table(arena.data()), lists.view(), report.device(),
                                   nullptr));
  EXPECT_EQ(report.read().invalid, 2U);
  ResolvedLists expected(routing);
  expected.counts = {1, 0};
  expected.experts[0] = 2;
  expected.slabs[0] = arena.data();
  expected.first_row[0] = 0;
  expected.first_row[1] = 2;
  expected.rows[0] = 0;
  expected.rows[1] = 1;
  const std::uint32_t slots[] = {0, 0, 1, 0};
  std::copy(std::begin(slots), std::end(slots), expected.slots.begin());
  lists.expect_equal(expected);
}

TEST_F(CudaResolve, AReplayedGraphFollowsTheTableAndTheRouting) {
  Random random(fresh_seed());
  RoutingCase routing{.tokens = 6, .top_k = 4, .experts = 32, .slabs = 16, .ids = {}, .slab_of = {}};
  routing.ids.resize(24);
  routing.slab_of.resize(32);
  const DeviceArray<std::byte> arena(16);
  const DeviceArray<std::uint32_t> ids(routing.ids);
  const DeviceLists lists(routing);
  MappedReport report;
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  expect_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  expect_ok(kernels::cuda::resolve(ids.data(), 6, 4, lists.table(arena.data()), lists.view(), report.device(),
                                   stream));
  expect_ok(cudaStreamEndCapture(stream, &graph));
  expect_ok(cudaGraphInstantiate(&replay, graph, 0));
  ResolvedLists expected(routing);
  for (int step = 0; step < 5 && !HasFailure(); ++step) {
    for (auto& id : routing.ids) id = static_cast<std::uint32_t>(random.below(32));
    for (auto& slab : routing.slab_of) slab = static_cast<std::uint32_t>(random.below(20));
    DeviceLists::write(ids, routing.ids);
    lists.change_table(routing.slab_of);
    report.clear();
    expect_ok(cudaStreamSynchronize(cudaStreamLegacy));  // the graph's stream does not wait for these copies
    expect_ok(cudaGraphLaunch(replay, stream));
    ResolveReport expected_report{};
    resolve_on_host(routing, arena.data(), expected, expected_report);
    expect_ok(cudaStreamSynchronize(stream));
    expect_equal(report.read(), expected_report);
    lists.expect_equal(expected);
  }
  expect_ok(cudaGraphExecDestroy(replay));
  expect_ok(cudaGraphDestroy(graph));
  expect_ok(cudaStreamDestroy(stream));
}

TEST_F(CudaResolve, RefusesWhatItCannotList) {
  const RoutingCase routing{.tokens = 1, .top_k = 1, .experts = 1, .slabs = 1, .ids = {0}, .slab_of = {0}};
  const DeviceArray<std::byte> arena(16);
  const DeviceArray<std::uint32_t> ids(routing.ids);
  const DeviceLists lists(routing);
  const MappedReport report;
  const SlabTable table = lists.table(arena.data());
  const auto resolve = [&](const std::uint32_t* from, std::uint32_t tokens, std::uint32_t top_k,
                           const SlabTable& by, const kernels::ResolvedExperts& to, ResolveReport* into) {
    return kernels::cuda::resolve(from, tokens, top_k, by, to, into, nullptr);
  };
  EXPECT_EQ(resolve(nullptr, 1, 1, table, lists.view(), report.device()), cudaErrorInvalidValue);
  EXPECT_EQ(resolve(ids.data(), 1, 0, table, lists.view(), report.device()), cudaErrorInvalidValue);
  EXPECT_EQ(resolve(ids.data(), 1025, 16, table, lists.view(), report.device()), cudaErrorInvalidValue);
  EXPECT_EQ(resolve(ids.data(), 1, 1, table, {}, report.device()), cudaErrorInvalidValue);
  EXPECT_EQ(resolve(ids.data(), 1, 1, table, lists.view(), nullptr), cudaErrorInvalidValue);
  SlabTable wrong = table;
  wrong.experts = 513;
  EXPECT_EQ(resolve(ids.data(), 1, 1, wrong, lists.view(), report.device()), cudaErrorInvalidValue);
  wrong = table;
  wrong.slab_of = nullptr;
  EXPECT_EQ(resolve(ids.data(), 1, 1, wrong, lists.view(), report.device()), cudaErrorInvalidValue);
  wrong = table;
  wrong.base = nullptr;
  EXPECT_EQ(resolve(ids.data(), 1, 1, wrong, lists.view(), report.device()), cudaErrorInvalidValue);
  EXPECT_EQ(report.read().written, 0U);
}

}  // namespace
}  // namespace prophet::kernels_test
