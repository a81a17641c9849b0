#include "runtime/engine/live/kv_memory.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "kernels/kv_append.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/limited_device.hpp"

namespace prophet::testing {
namespace {

KvShape shape(std::uint32_t lanes, std::uint32_t context) {
  KvShape made;
  made.layers = 3;
  made.lanes = lanes;
  made.context_tokens = context;
  made.kv_heads = 2;
  made.head_dim = 64;
  return made;
}

TEST(KvMemory, NoTwoLanesShareAPage) {
  const auto device = make_cpu_device({});
  for (const std::uint32_t context : {1U, 16U, 17U, 100U}) {
    const KvMemory kv(*device, shape(5, context));
    EXPECT_GE(kv.pages_max() * KvMemory::page_tokens, context);
    EXPECT_LT((kv.pages_max() - 1) * KvMemory::page_tokens, context);
    std::set<std::uint32_t> pages;
    std::vector<std::uint32_t> row(kv.pages_max());
    for (std::uint32_t l = 0; l < 5; ++l) {
      kv.write_row(LaneId{l}, row);
      pages.insert(row.begin(), row.end());
    }
    EXPECT_EQ(pages.size(), 5U * kv.pages_max());
    const KvPagesView view = kv.layer(0, {}, 1);
    EXPECT_LT(*pages.rbegin(), view.pages.size_bytes / view.page_bytes);
  }
}

TEST(KvMemory, LayersLieSideBySideAndFillIt) {
  const auto device = make_cpu_device({});
  for (const auto format :
       {kernels::FloatFormat::fp32, kernels::FloatFormat::bf16, kernels::FloatFormat::fp16}) {
    KvShape of = shape(2, 40);
    of.format = format;
    const KvMemory kv(*device, of);
    const std::uint64_t page = KvMemory::page_tokens * kernels::kv_token_bytes(2, 64, format);
    std::uint64_t end = kv.layer(0, {}, 1).pages.offset_bytes;
    for (std::uint32_t l = 0; l < of.layers; ++l) {
      const KvPagesView view = kv.layer(l, {}, 7);
      EXPECT_EQ(view.pages.offset_bytes, end);
      EXPECT_EQ(view.pages.size_bytes, 2 * 3 * page);
      EXPECT_EQ(view.page_bytes, page);
      EXPECT_EQ(view.sequences, 7U);
      end += view.pages.size_bytes;
    }
    EXPECT_EQ(kv.bytes(), of.layers * 2 * 3 * page);
  }
}

TEST(KvMemory, SizesBeyondPageIdsAreRefusedBeforeAnythingIsAllocated) {
  LimitedDevice device(make_cpu_device({}), 1 << 20);
  try {
    const KvMemory kv(device, shape(1U << 20, 1U << 20));
    FAIL() << "2^36 pages were accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(),
                 "1048576 lanes of 1048576 tokens: expected at most 4294967295 KV pages of 16 tokens");
  }
  EXPECT_EQ(device.used_bytes(), 0U);
}

TEST(KvMemory, ADeviceWithoutRoomKeepsNothing) {
  LimitedDevice device(make_cpu_device({}), 1 << 20);
  try {
    const KvMemory kv(device, shape(8, 4096));
    FAIL() << "100 MB fitted into 1 MB";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
  }
  EXPECT_EQ(device.used_bytes(), 0U);
}

}  // namespace
}  // namespace prophet::testing
