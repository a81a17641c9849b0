#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "prophet/error.hpp"
#include "runtime/trace/hidden_states.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/trace_writer.hpp"
#include "tests/trace/trace_samples.hpp"

namespace prophet::testing {
namespace {

/// The trace, or nothing when it is refused in a sentence that names the file. Whatever loads has passed
/// RoutingTrace's own checks.
std::optional<RoutingTrace> loaded(std::span<const std::byte> bytes) {
  try {
    return load_trace_from_memory(bytes, "damaged");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_EQ(std::strncmp(error.what(), "damaged", 7), 0) << error.what();
    EXPECT_NE(std::strstr(error.what(), "expected"), nullptr) << error.what();
    return std::nullopt;
  }
}

/// Every byte with each of its bits flipped, and with all of them.
template <class Check>
void for_every_flip(std::vector<std::byte> bytes, Check check) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned mask : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U, 255U}) {
      bytes[at] ^= std::byte(mask);
      check(at, std::span<const std::byte>(bytes));
      bytes[at] ^= std::byte(mask);
    }
  }
}

std::vector<std::byte> small_ptrace() {
  TemporaryFolder folder;
  write_trace(folder / "t", small_trace());
  return file_bytes(folder / "t");
}

TEST(Damage, EveryFlippedByteOfAPtraceIsNoticed) {
  for_every_flip(small_ptrace(),
                 [](std::size_t at, auto bytes) { EXPECT_FALSE(loaded(bytes)) << "byte " << at; });
}

TEST(Damage, EveryTruncationAndExtensionOfAPtraceIsNoticed) {
  auto bytes = small_ptrace();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(loaded(std::span(bytes).first(size))) << size;
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(loaded(bytes));
}

TEST(Damage, AFlippedByteOfAnMrt1IsRefusedOrStillAValidTrace) {
  std::size_t refused = 0;
  for (const bool weights : {false, true}) {
    for_every_flip(small_mrt1(weights), [&](std::size_t, auto bytes) { refused += loaded(bytes) ? 0 : 1; });
  }
  EXPECT_GT(refused, 0U);
}

TEST(Damage, EveryTruncationOfAnMrt1IsNoticed) {
  const auto bytes = small_mrt1(true);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(loaded(std::span(bytes).first(size))) << size;
}

TEST(Damage, EveryTruncationOfAPackedMrt1IsNoticedAndNoFlipChangesTheTrace) {
  const auto bytes = xz_packed(small_mrt1(true));
  const auto intact = loaded(bytes);
  ASSERT_TRUE(intact);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(loaded(std::span(bytes).first(size))) << size;
  for_every_flip(bytes, [&](std::size_t at, auto damaged) {
    const auto trace = loaded(damaged);
    EXPECT_TRUE(!trace || *trace == *intact) << "byte " << at;
  });
}

std::vector<std::byte> small_sidecar() {
  TemporaryFolder folder;
  HiddenStatesWriter writer(folder / "h", {2, 3, HiddenDtype::bf16});
  writer.append(std::vector<std::byte>(6 * 2 * 3 * 2, std::byte{0x3f}));
  writer.finish();
  return file_bytes(folder / "h");
}

bool sidecar_reads(std::span<const std::byte> bytes) {
  try {
    HiddenStatesReader reader(bytes, "damaged");
    for (HiddenBlock block; reader.next_block(block);) continue;
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(std::strncmp(error.what(), "damaged: ", 9), 0) << error.what();
    return false;
  }
}

TEST(Damage, EveryFlipAndTruncationOfASidecarIsNoticed) {
  auto bytes = small_sidecar();
  ASSERT_TRUE(sidecar_reads(bytes));
  for_every_flip(bytes,
                 [](std::size_t at, auto damaged) { EXPECT_FALSE(sidecar_reads(damaged)) << "byte " << at; });
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(sidecar_reads(std::span(bytes).first(size)));
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(sidecar_reads(bytes));
}

}  // namespace
}  // namespace prophet::testing
