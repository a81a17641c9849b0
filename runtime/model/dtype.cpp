#include "runtime/model/dtype.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::array<std::string_view, 7> names{"fp32", "bf16", "fp16", "fp8", "int8", "int4", "mxfp4"};

}  // namespace

std::string_view dtype_name(Dtype dtype) noexcept {
  const auto index = static_cast<std::size_t>(dtype);
  return index < names.size() ? names[index] : std::string_view("?");
}

Dtype parse_dtype(std::string_view name) {
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index] == name) return static_cast<Dtype>(index);
  }
  throw Error(ErrorCode::usage, fmt::format("dtype '{}': expected one of {}", name, fmt::join(names, ", ")));
}

}  // namespace prophet
