#include <cstdint>

#include "prophet/error.hpp"
#include "runtime/trace/ptrace_header.hpp"
#include "runtime/trace/trace_reader.hpp"
#include "tests/trace/fuzz/reseal.hpp"

namespace {

using prophet::get_le;

/// Loads, and streams by sequences; whatever is refused must be refused by Error.
void read_both_ways(std::span<const std::byte> bytes) {
  try {
    prophet::TraceReader reader(bytes, "fuzz");
    static_cast<void>(reader.read_all());
    for (prophet::SequenceRows rows; reader.next_sequence(rows);) continue;
  } catch (const prophet::Error&) {
    return;
  }
}

/// The same bytes with sizes that add up and right checksums.
std::vector<std::byte> resealed(std::span<const std::byte> bytes) {
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  if (out.size() < prophet::ptrace_fixed_bytes) return out;
  const auto left = out.size() - prophet::ptrace_fixed_bytes;
  const auto text_bytes = get_le<std::uint32_t>(out, 12);
  if (text_bytes > left) return out;
  const auto frames = std::span(out).subspan(prophet::ptrace_fixed_bytes + text_bytes);
  const auto data_bytes = std::min<std::uint64_t>(get_le<std::uint64_t>(out, 64), frames.size());
  prophet::testing::put_at(out, 64, data_bytes);
  prophet::testing::put_at(out, 72, frames.size() - data_bytes);
  prophet::testing::reseal_frames(frames.first(data_bytes));
  prophet::testing::reseal_frames(frames.subspan(data_bytes));
  const auto all = std::span<const std::byte>(out);
  const auto head = prophet::crc64(all.first(prophet::ptrace_crc_offset));
  prophet::testing::put_at(out, prophet::ptrace_crc_offset,
                           prophet::crc64(all.subspan(prophet::ptrace_fixed_bytes, text_bytes), head));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read_both_ways(bytes);
  read_both_ways(resealed(bytes));
  return 0;
}
