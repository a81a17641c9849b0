#include <cstdint>

#include "prophet/error.hpp"
#include "runtime/trace/csv_import.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    static_cast<void>(prophet::parse_csv(std::as_bytes(std::span(data, size)), "fuzz"));
  } catch (const prophet::Error&) {
    return 0;
  }
  return 0;
}
