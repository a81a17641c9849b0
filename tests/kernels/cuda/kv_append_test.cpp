#include "kernels/cuda/kv_append.hpp"

#include <bit>
#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/kv_cache.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::KvRows;
using kernels::LatentRows;
using testing::fresh_seed;

constexpr std::uint32_t no_sequence = 0xFFFFFFFFU;

class CudaKvAppend : public OnDevice {};

FloatFormat draw_format(Random& random, bool with_fp32) {
  return static_cast<FloatFormat>(with_fp32 ? random.below(3) : 1 + random.below(2));
}

/// Numbers of every size: any pattern of bits but those of not-a-numbers, whose payloads devices may choose.
std::vector<float> draw_any_floats(Random& random, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) {
    const float any = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
    value = random.chance(0.5) || any != any ? static_cast<float>(200 * random.uniform() - 100) : any;
  }
  return values;
}

/// Tokens of a step: distinct places, some of them none.
struct Places {
  std::vector<std::uint32_t> positions;
  std::vector<std::uint32_t> sequence_of;
};

Places draw_places(Random& random, const CacheShape& shape, std::uint32_t tokens_max) {
  Places places;
  for (std::uint32_t sequence = 0; sequence < shape.sequences; ++sequence) {
    const std::uint32_t capacity = shape.pages_max * shape.page_tokens;
    auto position = static_cast<std::uint32_t>(random.below(capacity));
    while (random.chance(0.8) && places.positions.size() < tokens_max) {
      places.positions.push_back(position++);  // beyond the table at the end of the last page
      places.sequence_of.push_back(random.chance(0.1) ? no_sequence : sequence);
    }
  }
  return places;
}

TEST_F(CudaKvAppend, WritesWhatTheReferenceWritesBitForBit) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 30; ++repetition) {
    const auto kv_heads = static_cast<std::uint32_t>(1 + random.below(5));
    const auto head_dim = static_cast<std::uint32_t>(8 * (1 + random.below(32)));
    const FloatFormat stored = draw_format(random, true);
    const CacheShape shape{.token_bytes = kernels::kv_token_bytes(kv_heads, head_dim, stored),
                           .page_tokens = static_cast<std::uint32_t>(1 + random.below(20)),
                           .sequences = static_cast<std::uint32_t>(1 + random.below(4)),
                           .pages_max = static_cast<std::uint32_t>(1 + random.below(4)),
                           .format = stored};
    PagedCache cache(shape, random);
    cache.table()[random.below(cache.table().size())] = cache.pages();  // a page that is none
    const Places places = draw_places(random, shape, 20);
    const std::size_t tokens = places.positions.size();
    const FloatFormat format = draw_format(random, true);
    SCOPED_TRACE(::testing::Message() << tokens << " tokens of " << kv_heads << " x " << head_dim << ", "
                                      << shape.page_tokens << " a page, formats " << static_cast<int>(format)
                                      << " to " << static_cast<int>(shape.format));
    FormattedArray k(draw_any_floats(random, tokens * kv_heads * head_dim), format);
    FormattedArray v(draw_any_floats(random, tokens * kv_heads * head_dim), format);
    const DeviceArray<std::uint32_t> positions(places.positions);
    const DeviceArray<std::uint32_t> sequence_of(places.sequence_of);
    KvRows rows{.k = k.device(),
                .v = v.device(),
                .format = format,
                .tokens = static_cast<std::uint32_t>(tokens),
                .kv_heads = kv_heads,
                .head_dim = head_dim,
                .positions = positions.data(),
                .sequence_of = sequence_of.data()};
    const PagedCache::OnDevice device(cache);
    expect_ok(kernels::cuda::kv_append(device.view, rows, nullptr));
    rows.k = k.host();
    rows.v = v.host();
    rows.positions = places.positions.data();
    rows.sequence_of = places.sequence_of.data();
    ASSERT_EQ(kernels::kv_append(cache.host(), rows), kernels::Status::ok);
    ASSERT_EQ(device.memory.read(), cache.memory());
  }
}

TEST_F(CudaKvAppend, WritesLatentRowsBitForBit) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 15; ++repetition) {
    const std::uint32_t row_dim =
        random.chance(0.5) ? 576 : static_cast<std::uint32_t>(8 * (1 + random.below(100)));
    const CacheShape shape{.token_bytes = std::uint64_t{2} * row_dim,
                           .page_tokens = static_cast<std::uint32_t>(1 + random.below(20)),
                           .sequences = static_cast<std::uint32_t>(1 + random.below(4)),
                           .pages_max = static_cast<std::uint32_t>(1 + random.below(4)),
                           .format = draw_format(random, false)};
    PagedCache cache(shape, random);
    const Places places = draw_places(random, shape, 20);
    const std::size_t tokens = places.positions.size();
    const FloatFormat format = draw_format(random, true);
    FormattedArray values(draw_any_floats(random, tokens * row_dim), format);
    const DeviceArray<std::uint32_t> positions(places.positions);
    const DeviceArray<std::uint32_t> sequence_of(places.sequence_of);
    LatentRows rows{.rows = values.device(),
                    .format = format,
                    .tokens = static_cast<std::uint32_t>(tokens),
                    .row_dim = row_dim,
                    .positions = positions.data(),
                    .sequence_of = sequence_of.data()};
    const PagedCache::OnDevice device(cache);
    expect_ok(kernels::cuda::latent_append(device.view, rows, nullptr));
    rows.rows = values.host();
    rows.positions = places.positions.data();
    rows.sequence_of = places.sequence_of.data();
    ASSERT_EQ(kernels::latent_append(cache.host(), rows), kernels::Status::ok);
    ASSERT_EQ(device.memory.read(), cache.memory());
  }
}

TEST_F(CudaKvAppend, RefusesWhatPagesCannotHold) {
  Random random(fresh_seed());
  PagedCache cache(
      {.token_bytes = kernels::kv_token_bytes(2, 64), .page_tokens = 4, .sequences = 1, .pages_max = 2},
      random);
  const PagedCache::OnDevice device(cache);
  const DeviceArray<std::uint32_t> numbers(2);
  const DeviceArray<float> values(256);
  const KvRows sound{.k = values.data(),
                     .v = values.data(),
                     .tokens = 1,
                     .kv_heads = 2,
                     .head_dim = 64,
                     .positions = numbers.data(),
                     .sequence_of = numbers.data()};
  const auto append = [&](auto change) {
    KvPages pages = device.view;
    KvRows rows = sound;
    change(pages, rows);
    return kernels::cuda::kv_append(pages, rows, nullptr);
  };
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.k = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.v = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.positions = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.sequence_of = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([&](KvPages&, KvRows& r) { r.k = values.data() + 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.head_dim = 60; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.head_dim = 128; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages&, KvRows& r) { r.kv_heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages& p, KvRows&) { p.page_tokens = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages& p, KvRows&) { p.grid.page_bytes += 8; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages& p, KvRows&) { p.format = FloatFormat::fp32; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages& p, KvRows&) { p.block_table = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages& p, KvRows&) { p.base = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(append([](KvPages& p, KvRows& r) { r.tokens = 0, p.base = nullptr; }), cudaSuccess);
  LatentRows latent{.rows = values.data(), .tokens = 1, .row_dim = 256, .positions = numbers.data()};
  EXPECT_EQ(kernels::cuda::latent_append(device.view, latent, nullptr), cudaErrorInvalidValue);
  latent.sequence_of = numbers.data();
  latent.row_dim = 300;
  EXPECT_EQ(kernels::cuda::latent_append(device.view, latent, nullptr), cudaErrorInvalidValue);
  latent.row_dim = 64;
  KvPages wide = device.view;
  wide.format = FloatFormat::fp32;
  EXPECT_EQ(kernels::cuda::latent_append(wide, latent, nullptr), cudaErrorInvalidValue);
  latent.tokens = 0;
  expect_ok(kernels::cuda::latent_append(device.view, latent, nullptr));
}

}  // namespace
}  // namespace prophet::kernels_test
