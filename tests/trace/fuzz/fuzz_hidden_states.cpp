#include <cstdint>

#include "prophet/error.hpp"
#include "runtime/trace/hidden_states.hpp"
#include "tests/trace/fuzz/reseal.hpp"

namespace {

void read_all(std::span<const std::byte> bytes) {
  try {
    prophet::HiddenStatesReader reader(bytes, "fuzz");
    for (prophet::HiddenBlock block; reader.next_block(block);) continue;
  } catch (const prophet::Error&) {
    return;
  }
}

/// The same bytes with a size that adds up and right checksums.
std::vector<std::byte> resealed(std::span<const std::byte> bytes) {
  constexpr std::size_t header_bytes = 56;
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  if (out.size() < header_bytes) return out;
  prophet::testing::put_at(out, 40, out.size() - header_bytes);
  prophet::testing::reseal_frames(std::span(out).subspan(header_bytes));
  prophet::testing::put_at(out, 48, prophet::crc64(std::span<const std::byte>(out).first(48)));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read_all(bytes);
  read_all(resealed(bytes));
  return 0;
}
