#include <cstdint>

#include "prophet/error.hpp"
#include "runtime/trace/mrt1.hpp"

/// Plain and packed: the first bytes decide, as they do for a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    static_cast<void>(prophet::parse_mrt1(std::as_bytes(std::span(data, size)), "fuzz"));
  } catch (const prophet::Error&) {
    return 0;
  }
  return 0;
}
