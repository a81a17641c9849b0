#include "runtime/trace/trace_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "prophet/error.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/mrt1.hpp"
#include "tests/trace/trace_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::HasSubstr;

template <class Work>
std::string sentence_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    return error.what();
  }
  return "no error";
}

TEST(TraceWriter, AnUnfinishedFileLeavesNothingAndKeepsWhatStoodThere) {
  TemporaryFolder folder;
  const auto trace = small_trace(false);
  write_trace(folder / "t", trace);
  const auto before = file_bytes(folder / "t");
  {
    TraceWriter writer(folder / "t", trace.shape(), trace.provenance());
    writer.append(trace.id_storage());
    EXPECT_EQ(folder.entries(), 2U);
  }
  EXPECT_EQ(folder.entries(), 1U);
  EXPECT_EQ(file_bytes(folder / "t"), before);
}

TEST(TraceWriter, RefusedRowsAndSequencesChangeNothing) {
  TemporaryFolder folder;
  const auto trace = small_trace(false);
  TraceWriter writer(folder / "t", trace.shape(), trace.provenance());
  auto bad = std::vector<std::byte>(trace.id_storage().begin(), trace.id_storage().end());
  bad[5] = std::byte{8};
  EXPECT_THAT(sentence_of([&] { writer.append(bad); }),
              HasSubstr("token 1, layer 0: expert id is 8: expected below 8"));
  EXPECT_THAT(sentence_of([&] { writer.append(std::span(bad).first(3)); }),
              HasSubstr("expert ids take 3 bytes: expected a multiple of 4"));
  writer.append(trace.id_storage());
  writer.add_sequence(trace.sequences()[0]);
  EXPECT_THAT(sentence_of([&] {
                writer.add_sequence({1, 2, 0, 0});
              }),
              HasSubstr("sequence 1: first token is 1: expected 2 or later"));
  writer.add_sequence(trace.sequences()[1]);
  writer.finish();
  EXPECT_EQ(load_trace(folder / "t"), trace);
}

TEST(TraceWriter, AFileWithoutTokensOrSequencesIsNotFinished) {
  TemporaryFolder folder;
  const auto trace = small_trace(false);
  {
    TraceWriter writer(folder / "t", trace.shape(), trace.provenance());
    EXPECT_THAT(sentence_of([&] { writer.finish(); }), HasSubstr("number of tokens is 0"));
    writer.append(trace.id_storage());
    EXPECT_THAT(sentence_of([&] { writer.finish(); }), HasSubstr("number of sequences is 0"));
    writer.add_sequence({0, 7, 0, 0});
    EXPECT_THAT(sentence_of([&] { writer.finish(); }), HasSubstr("ends at token 7: expected at most 6"));
  }
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(TraceWriter, AnImpossibleTargetIsRefusedByName) {
  TemporaryFolder folder;
  const auto trace = small_trace();
  EXPECT_THAT(sentence_of([&] { write_trace(folder / "no/such/t", trace); }), HasSubstr("cannot be created"));
  EXPECT_THAT(sentence_of([&] { write_trace(folder / "", trace); }), HasSubstr("is a directory"));
  EXPECT_THAT(sentence_of([&] { write_trace("/dev/full/t", trace); }),
              HasSubstr("/dev/full/t: cannot be created"));
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(TraceWriter, AFullDiskLeavesNothing) {
  TemporaryFolder folder;
  const auto trace = small_trace();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tiny{100, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tiny), 0);
  const auto ptrace_sentence = sentence_of([&] { write_trace(folder / "t", trace); });
  const auto mrt1_sentence = sentence_of([&] { export_mrt1(trace, folder / "t.mrt.xz"); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(ptrace_sentence, HasSubstr("cannot be written: File too large"));
  EXPECT_THAT(mrt1_sentence, HasSubstr("cannot be written: File too large"));
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(TraceWriter, TextThatIsNotUtf8IsRefused) {
  TemporaryFolder folder;
  EXPECT_THAT(sentence_of([&] {
                TraceWriter(folder / "t", {{1, 2}, 1, 0, 1}, {"\xff", "", "", "", false});
              }),
              HasSubstr("is not UTF-8"));
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(TraceWriter, Mrt1RefusesWhatItCannotSay) {
  TemporaryFolder folder;
  Random random(announced_seed());
  EXPECT_THAT(sentence_of([&] {
                const auto drawn = random_trace(random, 257, SampleWeights::none);
                const RoutingTrace real(drawn.shape(), {},
                                        {drawn.sequences().begin(), drawn.sequences().end()},
                                        {drawn.id_storage().begin(), drawn.id_storage().end()}, {});
                export_mrt1(real, folder / "t");
              }),
              HasSubstr("number of experts is 257: expected at most 256"));
  EXPECT_THAT(sentence_of([&] {
                export_mrt1(RoutingTrace({{1, 2}, 1, 0, 1}, {}, {{0, 1, 0, 0}}, {std::byte{0}}, {0.1F}),
                            folder / "t");
              }),
              HasSubstr("router weight is 0.1: expected values that bf16 holds exactly"));
  EXPECT_EQ(folder.entries(), 0U);
}

}  // namespace
}  // namespace prophet::testing
