#include "runtime/trace/hidden_states.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "prophet/error.hpp"
#include "runtime/trace/little_endian.hpp"
#include "runtime/trace/trace_reader.hpp"
#include "runtime/trace/trace_writer.hpp"
#include "tests/trace/trace_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::HasSubstr;

TEST(HiddenStates, WhatIsWrittenInPiecesIsReadBack) {
  const auto seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  TemporaryFolder folder;
  const HiddenStatesShape shape{3, 1000, HiddenDtype::fp32};
  std::vector<std::byte> values(500 * shape.token_bytes());
  for (auto& value : values) value = std::byte(random.below(256));
  HiddenStatesWriter writer(folder / "h", shape);
  for (std::size_t at = 0; at < 500;) {
    const auto take = std::min<std::size_t>(1 + random.below(200), 500 - at);
    writer.append(std::span(values).subspan(at * shape.token_bytes(), take * shape.token_bytes()));
    at += take;
  }
  writer.finish();
  HiddenStatesReader reader(folder / "h");
  EXPECT_EQ(reader.shape(), shape);
  EXPECT_EQ(reader.tokens(), 500U);
  std::vector<std::byte> read;
  for (HiddenBlock block; reader.next_block(block);) {
    EXPECT_EQ(block.first_token * shape.token_bytes(), read.size());
    EXPECT_EQ(block.tokens * shape.token_bytes(), block.values.size());
    read.insert(read.end(), block.values.begin(), block.values.end());
  }
  EXPECT_EQ(read, values);
}

TEST(HiddenStates, TheTraceNamesItsSidecarAndTheyMustFit) {
  TemporaryFolder folder;
  const auto trace = small_trace();
  write_trace(folder / "t.ptrace", trace, "t.hidden");
  const auto header = TraceReader(folder / "t.ptrace").header();
  EXPECT_EQ(header.hidden_states_file, "t.hidden");
  const auto write_sidecar = [&](std::uint32_t layers, std::size_t tokens) {
    HiddenStatesWriter writer(folder / "t.hidden", {layers, 4, HiddenDtype::fp16});
    writer.append(std::vector<std::byte>(tokens * layers * 4 * 2));
    writer.finish();
  };
  write_sidecar(2, 6);
  EXPECT_EQ(open_hidden_states(folder / "t.ptrace", header).tokens(), 6U);
  write_sidecar(2, 5);
  try {
    static_cast<void>(open_hidden_states(folder / "t.ptrace", header));
    ADD_FAILURE() << "a sidecar of another length was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has 5 tokens and 2 layers: expected 6 and 2"));
  }
  write_sidecar(3, 6);
  EXPECT_THROW(static_cast<void>(open_hidden_states(folder / "t.ptrace", header)), Error);
}

TEST(HiddenStates, ASidecarOutsideTheFolderIsNotFollowed) {
  TemporaryFolder folder;
  for (const auto* name : {"../h", "/etc/passwd", "..", "."}) {
    EXPECT_THROW(write_trace(folder / "t", small_trace(), name), Error) << name;
  }
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(HiddenStates, EveryFiniteFp16ValueDecodesToItsDefinition) {
  std::vector<std::byte> bytes;
  for (unsigned bits = 0; bits < 0x10000; ++bits) put_le(bytes, static_cast<std::uint16_t>(bits));
  std::vector<float> floats(0x10000);
  decode_hidden(HiddenDtype::fp16, bytes, floats);
  EXPECT_EQ(floats[0x3c00], 1.0F);
  EXPECT_EQ(floats[0xc000], -2.0F);
  EXPECT_EQ(floats[0x7bff], 65504.0F);
  EXPECT_EQ(floats[0x0001], std::ldexp(1.0F, -24));
  EXPECT_TRUE(std::isinf(floats[0x7c00]));
  EXPECT_TRUE(std::isnan(floats[0x7c01]));
  for (unsigned bits = 1; bits < 0x7c00; ++bits) ASSERT_GT(floats[bits], floats[bits - 1]);
}

}  // namespace
}  // namespace prophet::testing
