#include "tests/ptx/types.hpp"

#include <array>
#include <utility>

namespace prophet::ptx {
namespace {

constexpr std::array names{
    std::pair{std::string_view{"pred"}, Type::pred},     std::pair{std::string_view{"b8"}, Type::b8},
    std::pair{std::string_view{"b16"}, Type::b16},       std::pair{std::string_view{"b32"}, Type::b32},
    std::pair{std::string_view{"b64"}, Type::b64},       std::pair{std::string_view{"u8"}, Type::u8},
    std::pair{std::string_view{"u16"}, Type::u16},       std::pair{std::string_view{"u32"}, Type::u32},
    std::pair{std::string_view{"u64"}, Type::u64},       std::pair{std::string_view{"s8"}, Type::s8},
    std::pair{std::string_view{"s16"}, Type::s16},       std::pair{std::string_view{"s32"}, Type::s32},
    std::pair{std::string_view{"s64"}, Type::s64},       std::pair{std::string_view{"f16"}, Type::f16},
    std::pair{std::string_view{"f16x2"}, Type::f16x2},   std::pair{std::string_view{"bf16"}, Type::bf16},
    std::pair{std::string_view{"bf16x2"}, Type::bf16x2}, std::pair{std::string_view{"f32"}, Type::f32},
    std::pair{std::string_view{"f64"}, Type::f64},       std::pair{std::string_view{"tf32"}, Type::tf32},
    std::pair{std::string_view{"e4m3x2"}, Type::e4m3x2}, std::pair{std::string_view{"e5m2x2"}, Type::e5m2x2},
};

}  // namespace

std::optional<Type> type_named(std::string_view name) {
  for (const auto& [known, type] : names) {
    if (known == name) return type;
  }
  return std::nullopt;
}

std::string_view name_of(Type type) {
  for (const auto& [name, known] : names) {
    if (known == type) return name;
  }
  return "?";
}

}  // namespace prophet::ptx
