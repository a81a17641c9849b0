#include <cstddef>
#include <cstdint>
#include <string_view>

#include "prophet/error.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto model = prophet::parse_hf_config(text, "config.json");
    if (model.top_k > model.grid.experts || model.grid.layers > model.layers) __builtin_trap();
    if (prophet::expert_bytes(model, model.expert_dtype) == 0) __builtin_trap();
  } catch (const prophet::Error&) {
  }
  return 0;
}
