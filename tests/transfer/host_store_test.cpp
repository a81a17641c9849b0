#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "kernels/checksum.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {
namespace {

constexpr ExpertGrid grid{2, 3};

TEST(HostStore, HoldsEachExpertsOwnBytesAndTheirChecksum) {
  const auto device = make_cpu_device({});
  const HostStore store(*device, grid, 1000, random_weights(7, 0.5F));
  std::set<std::uint64_t> distinct;
  for (std::uint32_t e = 0; e < grid.size(); ++e) {
    const auto bytes = device->host_bytes(store.expert(ExpertIndex{e}));
    ASSERT_EQ(bytes.size(), 1000U);
    EXPECT_EQ(store.checksum(ExpertIndex{e}), kernels::checksum(bytes));
    distinct.insert(store.checksum(ExpertIndex{e}));
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes.data() + at, sizeof value);
      ASSERT_LE(std::abs(value), 0.5F);
    }
  }
  EXPECT_EQ(distinct.size(), grid.size());
}

TEST(HostStore, OfTheSameSeedIsTheSame) {
  const auto device = make_cpu_device({});
  const HostStore one(*device, grid, 512, random_weights(7, 0.5F));
  const HostStore same(*device, grid, 512, random_weights(7, 0.5F));
  const HostStore other(*device, grid, 512, random_weights(8, 0.5F));
  EXPECT_EQ(one.checksum(ExpertIndex{3}), same.checksum(ExpertIndex{3}));
  EXPECT_NE(one.checksum(ExpertIndex{3}), other.checksum(ExpertIndex{3}));
}

TEST(HostStore, OnADeviceWithoutBytesFillsNothing) {
  const auto device = make_sim_device(load_gpu_profile("h100-80gb"), {});
  const HostStore store(*device, grid, 12ULL << 30,
                        [](ExpertIndex, std::span<std::byte>) { FAIL() << "there are no bytes to fill"; });
  EXPECT_EQ(store.checksum(ExpertIndex{0}), 0U);
  EXPECT_GE(store.total_bytes(), grid.size() * (12ULL << 30));
}

/// Real bytes through chunks in a random order, half of them promoted to demand.
TEST(HostStore, ReachesASlabByteForByteWhateverTheChunks) {
  for (const std::uint64_t chunk_bytes : {1U, 64U, 300U, 999U, 1000U, 5000U}) {
    const auto device = make_cpu_device({});
    const HostStore store(*device, grid, 1000, random_weights(chunk_bytes, 1.0F));
    const Arena arena = Arena::plan(1000, 2);
    const Buffer slabs(*device, MemoryKind::device, arena.total_bytes());
    const Buffer back(*device, MemoryKind::host_pinned, 1000);
    PolicyOptions policy;
    policy.grid = grid;
    policy.cache_slabs = 2;
    ExpertCache cache(grid, {2, 0}, make_policy("lru", policy));
    TransferQueue queue(*device, store, arena, slabs.view(), cache, {chunk_bytes, 2, 8, true, 3});
    const Stream reader(*device, StreamRole::compute);
    const ExpertIndex whole{1};
    const ExpertIndex promoted{4};
    queue.prefetch(*cache.reserve_prefetch(whole), LayerId{0});
    queue.drain();
    queue.prefetch(*cache.reserve_prefetch(promoted), LayerId{1});
    queue.pump();
    queue.promote(*cache.find(promoted));
    for (const ExpertIndex expert : {whole, promoted}) {
      const SlabId slab = cache.find(expert)->slab;
      device->wait(reader.id(), queue.ready(slab));
      device->copy(reader.id(), back.view().slice(0, 1000), queue.slab_view(slab), 0);
      device->synchronize();
      const auto is = device->host_bytes(back.view().slice(0, 1000));
      const auto wanted = device->host_bytes(store.expert(expert));
      EXPECT_TRUE(std::equal(is.begin(), is.end(), wanted.begin())) << chunk_bytes;
    }
  }
}

}  // namespace
}  // namespace prophet
