#include <cstddef>
#include <cstdint>
#include <string_view>

#include "prophet/error.hpp"
#include "runtime/model/gpu_profile.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto profile = prophet::parse_gpu_profile(text, "profile.json");
    if (!(prophet::parse_gpu_profile(prophet::gpu_profile_json(profile), "again") == profile))
      __builtin_trap();
  } catch (const prophet::Error&) {
  }
  return 0;
}
