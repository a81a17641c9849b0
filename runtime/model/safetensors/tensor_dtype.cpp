#include "runtime/model/safetensors/tensor_dtype.hpp"

#include <array>

namespace prophet {
namespace {

struct DtypeRow {
  std::string_view name;
  std::uint32_t bits;
};

/// In the order of the enumeration.
constexpr std::array<DtypeRow, 22> rows{{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
}};
static_assert(rows[static_cast<std::size_t>(TensorDtype::u64)].name == "U64");

const DtypeRow& row_of(TensorDtype dtype) noexcept {
  return rows[static_cast<std::size_t>(dtype) % rows.size()];
}

}  // namespace

std::string_view tensor_dtype_name(TensorDtype dtype) noexcept {
  return row_of(dtype).name;
}

std::uint32_t tensor_dtype_bits(TensorDtype dtype) noexcept {
  return row_of(dtype).bits;
}

std::optional<TensorDtype> parse_tensor_dtype(std::string_view name) noexcept {
  for (std::size_t index = 0; index < rows.size(); ++index) {
    if (rows[index].name == name) return static_cast<TensorDtype>(index);
  }
  return std::nullopt;
}

}  // namespace prophet
