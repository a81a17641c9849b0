#include <fstream>

#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * 4096;
}

TEST(SimMemory, CapacityEndsExactlyAtTheProfilesBytes) {
  const auto device = make_sim_device(plain_profile(), {});
  const BufferView most = device->allocate(MemoryKind::device, 999'999);
  const BufferView last = device->allocate(MemoryKind::device, 1);
  const std::string sentence =
      refusal(ErrorCode::out_of_memory, [&] { (void)device->allocate(MemoryKind::device, 1); });
  EXPECT_EQ(sentence, "allocate: 1 bytes of device memory were asked for, 0 of 1000000 are free");
  device->free(most);
  EXPECT_NE(device->allocate(MemoryKind::device, 999'999).buffer, most.buffer);
  device->free(last);
  const std::string second =
      refusal(ErrorCode::out_of_memory, [&] { (void)device->allocate(MemoryKind::device, ~0ULL); });
  EXPECT_NE(second.find("1 of 1000000 are free"), std::string::npos) << second;
}

TEST(SimMemory, PinnedHostMemoryIsNotBounded) {
  const auto device = make_sim_device(plain_profile(), {});
  const BufferView store = device->allocate(MemoryKind::host_pinned, 1ULL << 50);
  EXPECT_TRUE(device->host_bytes(store).empty());
  EXPECT_EQ(device->allocate(MemoryKind::device, 1'000'000).size_bytes, 1'000'000U);
}

TEST(SimMemory, EightyGigabytesOfSlabsCostLessThanFiftyMegabytes) {
  GpuProfile profile = plain_profile();
  profile.memory_bytes = 80'000'000'000;
  const auto device = make_sim_device(profile, {});
  const StreamId demand = device->create_stream(StreamRole::demand_copy);
  const std::uint64_t before_bytes = resident_bytes();
  constexpr std::uint64_t slab_bytes = 26 << 20;
  constexpr std::uint64_t chunk_bytes = 1 << 20;
  const BufferView arena = device->allocate(MemoryKind::device, profile.memory_bytes);
  const BufferView store = device->allocate(MemoryKind::host_pinned, slab_bytes);
  device->declare_units(arena, slab_bytes, chunk_bytes);
  for (std::uint64_t at = 0; at + slab_bytes <= arena.size_bytes; at += slab_bytes) {
    device->copy(demand, arena.slice(at, slab_bytes), store, 0);
  }
  device->synchronize();
  EXPECT_LT(resident_bytes() - before_bytes, 50'000'000U);
}

TEST(SimMemory, InfoSaysThatTimesAreSimulatedAndBytesAreNot) {
  const auto device = make_sim_device(plain_profile(), {});
  EXPECT_EQ(device->info().kind, "sim");
  EXPECT_EQ(device->info().name, "sim:plain");
  EXPECT_TRUE(device->info().simulated);
  EXPECT_FALSE(device->info().has_bytes);
  EXPECT_EQ(device->info().memory_bytes, 1'000'000U);
}

}  // namespace
}  // namespace prophet::sim_test
