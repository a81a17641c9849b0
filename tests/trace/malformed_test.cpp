#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "prophet/error.hpp"
#include "runtime/trace/little_endian.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/ptrace_header.hpp"
#include "tests/trace/trace_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

struct Malformed {
  const char* name;
  std::function<Bytes()> bytes;
  const char* sentence;  ///< must stand in the error, value and expectation included
};

void PrintTo(const Malformed& malformed, std::ostream* out) {
  *out << malformed.name;
}

PtraceHeader small_header() {
  const auto trace = small_trace(false);
  PtraceHeader header;
  header.shape = trace.shape();
  header.provenance = trace.provenance();
  header.block_tokens = 100;
  header.tokens = trace.tokens();
  header.sequences = 2;
  return header;
}

Bytes small_data() {
  const auto trace = small_trace(false);
  return {trace.id_storage().begin(), trace.id_storage().end()};
}

Bytes table_of(const std::vector<SequenceInfo>& sequences) {
  Bytes table;
  for (const auto& sequence : sequences) {
    put_le(table, sequence.first_token);
    put_le(table, sequence.tokens);
    put_le(table, sequence.prefill_tokens);
    put_le(table, sequence.flags);
  }
  return table;
}

Bytes small_table() {
  return table_of({{0, 2, 1, 0}, {3, 3, 0, 2}});
}
Bytes good() {
  return ptrace_bytes(small_header(), small_data(), small_table());
}
Bytes with_data(const Bytes& data) {
  return ptrace_bytes(small_header(), data, small_table());
}
Bytes with_table(const std::vector<SequenceInfo>& table) {
  return ptrace_bytes(small_header(), small_data(), table_of(table));
}

/// A number of the fixed header, changed under a right checksum.
template <class T>
std::function<Bytes()> header_field(std::size_t at, T value) {
  return [at, value] { return sealed(patched(good(), at, value)); };
}

/// The fixed header of good(), its own `text`, and its frames.
Bytes with_text(const std::string& text) {
  auto bytes = good();
  const auto old_bytes = get_le<std::uint32_t>(bytes, 12);
  const auto raw = std::as_bytes(std::span(text));
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(ptrace_fixed_bytes);
  bytes.insert(bytes.erase(begin, begin + old_bytes), raw.begin(), raw.end());
  return sealed(patched(std::move(bytes), 12, static_cast<std::uint32_t>(text.size())));
}

/// good() with the payload of its data frame replaced, the checksum right and every count adjusted.
Bytes with_data_payload(const Bytes& payload) {
  const auto bytes = good();
  const auto data_at = ptrace_fixed_bytes + get_le<std::uint32_t>(bytes, 12);
  const auto data_bytes = get_le<std::uint64_t>(bytes, 64);
  const auto frame = frame_bytes(0, payload);
  Bytes out(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(data_at));
  out.insert(out.end(), frame.begin(), frame.end());
  out.insert(out.end(), bytes.begin() + static_cast<std::ptrdiff_t>(data_at + data_bytes), bytes.end());
  return sealed(patched(std::move(out), 64, std::uint64_t{frame.size()}));
}

template <class T>
std::function<Bytes()> mrt1_field(std::size_t at, T value) {
  return [at, value] { return patched(small_mrt1(false), at, value); };
}

Bytes cut(Bytes bytes, std::size_t from_end) {
  bytes.resize(bytes.size() - from_end);
  return bytes;
}

Bytes extended(Bytes bytes, std::size_t more = 1) {
  bytes.resize(bytes.size() + more);
  return bytes;
}

Bytes text_bytes(std::string_view text) {
  const auto raw = std::as_bytes(std::span(text));
  return {raw.begin(), raw.end()};
}

constexpr auto u32_max = std::uint32_t{0xffffffff};
constexpr auto u64_max = ~std::uint64_t{0};

const Malformed any_file[] = {
    {"Empty", [] { return Bytes{}; }, "is empty: expected a routing trace"},
    {"UnknownMagic", [] { return text_bytes("hello, world"); },
     "is no known kind of trace by its first 8 bytes and its ending \".bin\": expected .ptrace, MRT1"},
    {"OneByte", [] { return text_bytes("P"); }, "by its first 1 bytes"},
};

const Malformed ptrace_files[] = {
    {"OnlyMagic", [] { return text_bytes("PTRACE\r\n"); }, "ends at byte 8: expected a header of 96 bytes"},
    {"LineEndsTranslated", [] { return text_bytes("PTRACE\n\1\0\0\0\0"); }, "is no known kind of trace"},
    {"Version", header_field(8, 2U), "format version is 2: expected 1"},
    {"TextBeyondFile", header_field(12, 0U), "header text of 0 bytes is not a JSON object"},
    {"TextLongerThanFile", [] { return patched(good(), 12, u32_max); },
     "header text is 4294967295 bytes: expected at most"},
    {"HeaderChecksum", [] { return patched(good(), 48, std::uint64_t{7}); }, "header checksum is "},
    {"ZeroLayers", header_field(16, 0U), "number of layers is 0: expected 1 to 1024"},
    {"TooManyLayers", header_field(16, 1025U), "number of layers is 1025: expected 1 to 1024"},
    {"ZeroExperts", header_field(20, 0U), "number of experts is 0: expected 1 to 4096"},
    {"TooManyExperts", header_field(20, 4097U), "number of experts is 4097: expected 1 to 4096"},
    {"ZeroTopK", header_field(24, 0U), "top-k is 0: expected 1 to 64"},
    {"TopKBeyondExperts", header_field(24, 9U), "top-k is 9: expected at most the 8 experts"},
    {"ZeroStride", header_field(32, 0U), "layer stride is 0: expected at least 1"},
    {"LayerIdsOverflow", header_field(28, u32_max), "last layer id is 4294967296: expected below 2^32"},
    {"IdWidth", header_field(36, 2U), "bytes of an expert id is 2: expected 1"},
    {"WeightFormat", header_field(40, 3U), "weight format is 3: expected 0 (none), 1 (bf16) or 2 (fp32)"},
    {"ZeroBlock", header_field(44, 0U), "tokens of a data frame are 0: expected 1 to 1048576"},
    {"HugeBlock", header_field(44, u32_max), "tokens of a data frame are 4294967295: expected 1 to 1048576"},
    {"ZeroTokens", header_field(48, std::uint64_t{0}), "number of tokens is 0: expected 1 to 4294967296"},
    {"OverflowingTokens", header_field(48, u64_max),
     "number of tokens is 18446744073709551615: expected 1 to 4294967296"},
    {"TokensBeyondBytes", header_field(48, std::uint64_t{1} << 31), "expected at least 257698"},
    {"ZeroSequences", header_field(56, 0U), "number of sequences is 0: expected 1 to 6"},
    {"MoreSequencesThanTokens", header_field(56, 7U), "number of sequences is 7: expected 1 to 6"},
    {"UnknownFlags", header_field(60, 4U), "flags are 4: expected 0 or 1"},
    {"StoredBytesOverflow", header_field(64, u64_max), "bytes of all frames: 18446744073709551615 + "},
    {"DataBytesWrong", header_field(64, std::uint64_t{1}), "bytes: expected"},
    {"Reserved", header_field(80, std::uint64_t{5}), "reserved field at byte 80 is 5: expected 0"},
    {"TrailingBytes", [] { return extended(good()); }, " as its header says"},
    {"Truncated", [] { return cut(good(), 1); }, " as its header says"},
    {"TextNotJson", [] { return with_text("{\"model\":"); },
     "header text of 9 bytes is not a JSON object: expected one"},
    {"TextIsAList", [] { return with_text("[]"); },
     "header text of 2 bytes is not a JSON object: expected one"},
    {"TextFieldIsANumber", [] { return with_text("{\"model\":7}"); },
     "header field \"model\" is number: expected text"},
    {"SidecarPath", [] { return with_text("{\"hidden_states_file\":\"../x\"}"); },
     "hidden-state file is named \"../x\": expected a file name without a folder"},
    {"CorruptZstd", [] { return with_data_payload(Bytes(20, std::byte{0x5a})); }, "zstd data is damaged ("},
    {"EmptyFrame", [] { return with_data_payload({}); }, "unpacks to 0 bytes: expected 24"},
    {"ShortFrame", [] { return with_data(cut(small_data(), 1)); }, "unpacks to 23 bytes: expected 24"},
    {"LongFrame", [] { return with_data(extended(small_data())); }, "zstd data is damaged ("},
    {"ZstdBomb", [] { return with_data(Bytes(100'000)); }, "expected 24 bytes"},
    {"FrameChecksum", [] { return patched(good(), good().size() - 1, std::byte{0x77}); }, "checksum is "},
    {"StoredBytesBeyondFrames",
     [] { return patched(good(), ptrace_fixed_bytes + get_le<std::uint32_t>(good(), 12), u32_max); },
     "stored bytes are 4294967295: expected at most"},
    {"IdOutOfRange", [] { return with_data(patched(small_data(), 6, std::byte{8})); },
     "token 1, layer 1: expert id is 8: expected below 8"},
    {"DuplicateId", [] { return with_data(patched(small_data(), 1, std::byte{0})); },
     "token 0, layer 0: expert id 0 stands twice: expected 2 different experts"},
    {"SequenceBeyondTokens",
     [] {
       return with_table({{0, 2, 0, 0}, {3, 4, 0, 0}});
     },
     "sequence 1: tokens 3 + 4 reach beyond the trace: expected at most 6 tokens"},
    {"SequenceStartOverflows",
     [] {
       return with_table({{0, 2, 0, 0}, {u64_max, 4, 0, 0}});
     },
     "sequence 1: tokens 18446744073709551615 + 4 reach beyond the trace: expected at most 6 tokens"},
    {"OverlappingSequences",
     [] {
       return with_table({{0, 4, 0, 0}, {3, 3, 0, 0}});
     },
     "sequence 1: first token is 3: expected 4 or later"},
    {"SequencesOutOfOrder",
     [] {
       return with_table({{3, 3, 0, 0}, {0, 2, 0, 0}});
     },
     "sequence 1: first token is 0: expected 6 or later"},
    {"EmptySequence",
     [] {
       return with_table({{0, 0, 0, 0}, {3, 3, 0, 0}});
     },
     "sequence 0: number of tokens is 0: expected at least 1"},
    {"PrefillBeyondSequence",
     [] {
       return with_table({{0, 2, 3, 0}, {3, 3, 0, 0}});
     },
     "sequence 0: number of prefill tokens is 3: expected at most its 2 tokens"},
    {"WeightNotFinite",
     [] {
       auto header = small_header();
       header.weights = WeightFormat::bf16;
       auto data = extended(small_data(), 48);
       return ptrace_bytes(header, patched(std::move(data), 24 + 2 * 9, std::uint16_t{0x7f80}),
                           small_table());
     },
     "token 2, layer 0: router weight is inf: expected a finite number"},
};

const Malformed mrt1_files[] = {
    {"Mrt1OnlyMagic", [] { return text_bytes("MRT1"); }, "ends at byte 4: expected a header of 48 bytes"},
    {"Mrt1Version", mrt1_field(4, 9U), "format version is 9: expected 1"},
    {"Mrt1ZeroLayers", mrt1_field(8, 0U), "number of layers is 0: expected 1 to 1024"},
    {"Mrt1TwoByteExperts", mrt1_field(12, 257U), "number of experts is 257: expected at most 256"},
    {"Mrt1TopKBeyondExperts", mrt1_field(16, 9U), "top-k is 9: expected at most the 8 experts"},
    {"Mrt1ZeroSequences", mrt1_field(20, 0U), "number of sequences is 0: expected 1 to 6"},
    {"Mrt1SequencesBeyondBytes", mrt1_field(20, 3U), "file is 104 bytes: expected 120 as its header says"},
    {"Mrt1ZeroTokens", mrt1_field(24, 0U), "number of tokens is 0: expected 1 to 4294967296"},
    {"Mrt1TokensBeyondBytes", mrt1_field(24, 7U), "file is 104 bytes: expected 108 as its header says"},
    {"Mrt1AbsurdTokens", mrt1_field(24, 1U << 30),
     "file is 104 bytes: expected 4294967376 as its header says"},
    {"Mrt1BeyondTheLimit", [] { return patched(patched(small_mrt1(false), 8, 1024U), 24, u32_max); },
     "expected at most 17179869184"},
    {"Mrt1UnknownFlags", mrt1_field(28, 2U), "flags are 2: expected 0 or 1"},
    {"Mrt1ZeroStride", mrt1_field(36, 0U), "layer stride is 0: expected at least 1"},
    {"Mrt1Reserved", mrt1_field(44, 1U), "reserved field at byte 40 is 4294967296: expected 0"},
    {"Mrt1PrefillBeyondSequence", mrt1_field(56, 3U),
     "sequence 0: number of prefill tokens is 3: expected at most its 2 tokens"},
    {"Mrt1SequenceBeyondTokens", mrt1_field(68, 4U), "sequence 1: tokens 3 + 4 reach beyond the trace"},
    {"Mrt1OverlappingSequences", mrt1_field(64, 1U), "sequence 1: first token is 1: expected 2 or later"},
    {"Mrt1IdOutOfRange", mrt1_field(80, std::byte{200}),
     "token 0, layer 0: expert id is 200: expected below 8"},
    {"Mrt1DuplicateId", mrt1_field(103, std::byte{3}), "token 5, layer 1: expert id 3 stands twice"},
    {"Mrt1TrailingBytes", [] { return extended(small_mrt1(false)); }, "file is 105 bytes: expected 104"},
    {"Mrt1WeightsMissing", [] { return cut(small_mrt1(true), 2); }, "file is 150 bytes: expected 152"},
    {"XzOfSomethingElse", [] { return xz_packed(text_bytes("hello, world")); },
     "(unpacked): does not begin with \"MRT1\": expected an MRT1 trace"},
    {"XzOfNothing", [] { return xz_packed({}); }, "(unpacked): does not begin with \"MRT1\""},
    {"XzTruncatedInside", [] { return xz_packed(cut(small_mrt1(false), 3)); },
     "(unpacked): ends at byte 101: expected 24 bytes at offset 80"},
    {"XzTrailingInside", [] { return xz_packed(extended(small_mrt1(false))); },
     "(unpacked): goes on after byte 104: expected the end"},
    {"XzBombAfterSmallHeader", [] { return xz_packed(extended(small_mrt1(false), 200U << 20)); },
     "(unpacked): goes on after byte 104: expected the end"},
    {"XzClaimsGigabytes", [] { return xz_packed(patched(small_mrt1(false), 24, 1U << 30)); },
     "(unpacked): ends at byte 104: expected 65536 bytes at offset 80"},
    {"XzClaimBeyondTheLimit",
     [] { return xz_packed(patched(patched(small_mrt1(false), 8, 1024U), 24, u32_max)); },
     "expected at most 17179869184"},
    {"XzDictionaryBeyondTheLimit", [] { return xz_packed(small_mrt1(false), 512U << 20); },
     "bytes: expected at most 83886080"},
    {"XzTruncated", [] { return cut(xz_packed(small_mrt1(false)), 5); }, "expected the end of a stream"},
    {"XzGarbageAfter", [] { return extended(xz_packed(small_mrt1(false)), 3); }, "the .xz data "},
};

class MalformedFile : public ::testing::TestWithParam<Malformed> {};

/// One sentence, with the file's name, from disk and from memory alike.
TEST_P(MalformedFile, IsRefusedInOneSentence) {
  TemporaryFolder folder;
  const auto path = folder / "bad.bin";
  const auto bytes = GetParam().bytes();
  write_bytes(path, bytes);
  const auto refused = [&](auto&& load) {
    try {
      static_cast<void>(load());
      ADD_FAILURE() << "it loads";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_THAT(error.what(), HasSubstr(GetParam().sentence));
      EXPECT_THAT(error.what(), ::testing::StartsWith(path.string()));
      EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
    }
  };
  refused([&] { return load_trace(path); });
  refused([&] { return load_trace_from_memory(bytes, path.string()); });
}

std::string name_of(const ::testing::TestParamInfo<Malformed>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Any, MalformedFile, ::testing::ValuesIn(any_file), name_of);
INSTANTIATE_TEST_SUITE_P(Ptrace, MalformedFile, ::testing::ValuesIn(ptrace_files), name_of);
INSTANTIATE_TEST_SUITE_P(Mrt1, MalformedFile, ::testing::ValuesIn(mrt1_files), name_of);

TEST(Malformed, TheUndamagedSampleLoads) {
  EXPECT_EQ(load_trace_from_memory(good(), "good"), small_trace(false));
  EXPECT_NO_THROW(static_cast<void>(load_trace_from_memory(small_mrt1(false), "good")));
}

TEST(Malformed, WhatIsNoRegularFileIsRefusedByName) {
  TemporaryFolder folder;
  const auto sentence = [](const std::filesystem::path& path) -> std::string {
    try {
      static_cast<void>(load_trace(path));
    } catch (const Error& error) {
      return error.what();
    }
    return "it loads";
  };
  EXPECT_THAT(sentence(folder / ""), HasSubstr("is a directory: expected a regular file"));
  EXPECT_THAT(sentence("/dev/zero"),
              HasSubstr("/dev/zero: is a device, pipe or socket: expected a regular file"));
  EXPECT_THAT(sentence(folder / "none"), HasSubstr("none: cannot be opened: No such file"));
}

}  // namespace
}  // namespace prophet::testing
