#include "runtime/trace/npy_array.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "prophet/limits.hpp"

namespace prophet {
namespace {

static_assert(std::endian::native == std::endian::little, "items are copied as they lie in the file");

constexpr std::size_t block_bytes = 256 << 10;

/// An integer of any dtype; `negative` marks one that u64 cannot hold.
struct Integer {
  std::uint64_t bits = 0;
  bool negative = false;
};

template <class Stored>
Integer load_as(const std::byte* at) noexcept {
  Stored value{};
  std::memcpy(&value, at, sizeof(value));
  return {static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), value < Stored{0}};
}

Integer load_unsigned(const std::byte* at, std::uint32_t item_bytes) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, at, item_bytes);
  return {value, false};
}

Integer load_integer(const std::byte* at, char kind, std::uint32_t item_bytes) noexcept {
  if (kind == 'u') return load_unsigned(at, item_bytes);
  switch (item_bytes) {
    case 1:
      return load_as<std::int8_t>(at);
    case 2:
      return load_as<std::int16_t>(at);
    case 4:
      return load_as<std::int32_t>(at);
    default:
      return load_as<std::int64_t>(at);
  }
}

std::string text_of(Integer value) {
  return value.negative ? fmt::format("{}", static_cast<std::int64_t>(value.bits))
                        : fmt::format("{}", value.bits);
}

/// IEEE 754 binary16 to binary32, exact.
float half_to_float(std::uint16_t half) noexcept {
  const bool negative = (half & 0x8000U) != 0;
  const int exponent = (half >> 10) & 0x1F;
  const auto fraction = static_cast<float>(half & 0x3FFU);
  float magnitude = 0;
  if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else if (exponent == 0x1F) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else {
    magnitude = std::ldexp(1024.0F + fraction, exponent - 25);
  }
  return negative ? -magnitude : magnitude;
}

float load_float(const std::byte* at, std::uint32_t item_bytes) noexcept {
  if (item_bytes == 2) {
    std::uint16_t half = 0;
    std::memcpy(&half, at, sizeof(half));
    return half_to_float(half);
  }
  float value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <class Take>
void for_each_item(ByteStream& stream, const NpyHeader& header, std::string_view name, Take&& take) {
  std::vector<std::byte> block(block_bytes);
  std::uint64_t index = 0;
  for (const std::uint64_t items = header.items(); index < items;) {
    const std::uint64_t wanted = std::min<std::uint64_t>(items - index, block_bytes / header.item_bytes);
    const std::uint64_t bytes = wanted * header.item_bytes;
    if (stream.read(std::span(block).first(static_cast<std::size_t>(bytes))) < bytes) {
      refuse(name, fmt::format("ends after item {} or later, expected {} items", index, items));
    }
    for (std::uint64_t i = 0; i < wanted; ++i) take(index++, block.data() + i * header.item_bytes);
  }
}

/// Where item `index` of a [tokens, layers, top_k] array stands.
struct Cell {
  std::uint64_t token;
  std::uint64_t layer;
};

Cell cell(const NpyHeader& header, std::uint64_t index) noexcept {
  const std::uint64_t row = index / header.shape[2];
  return {row / header.shape[1], row % header.shape[1]};
}

[[noreturn]] void refuse_id(const NpyHeader& header, std::uint64_t index, Integer value,
                            std::string_view name) {
  const Cell at = cell(header, index);
  refuse(name, fmt::format("token {}, layer {}: expert id {} {}; expected 0 to {}", at.token, at.layer,
                           text_of(value), value.negative ? "is negative, as padding is" : "is too large",
                           limits::experts_per_layer_max - 1));
}

/// Counts through the columns, to tell whether an item lies behind the dense layers.
class ColumnFilter {
 public:
  ColumnFilter(const NpyHeader& header, std::uint32_t dense_layers) noexcept
      : row_items_(header.shape[1] * header.shape[2]), dropped_items_(dense_layers * header.shape[2]) {}

  bool keeps_next() noexcept {
    const bool keeps = at_ >= dropped_items_;
    if (++at_ == row_items_) at_ = 0;
    return keeps;
  }

 private:
  std::uint64_t row_items_;
  std::uint64_t dropped_items_;
  std::uint64_t at_ = 0;
};

std::uint64_t kept_items(const NpyHeader& header, std::uint32_t dense_layers) noexcept {
  return header.shape[0] * (header.shape[1] - dense_layers) * header.shape[2];
}

void require_integers(const NpyHeader& header, std::string_view name) {
  if (header.kind == 'f')
    refuse(name, fmt::format("has dtype f{}, expected integers: u1 u2 u4 u8 i2 i4 i8", header.item_bytes));
}

}  // namespace

void read_npy_ids(ByteStream& stream, const NpyHeader& header, std::uint32_t dense_layers,
                  std::string_view name, IdBuffer& ids) {
  require_integers(header, name);
  ids.reserve(kept_items(header, dense_layers), false);
  ColumnFilter filter(header, dense_layers);
  for_each_item(stream, header, name, [&](std::uint64_t index, const std::byte* at) {
    if (!filter.keeps_next()) return;
    const Integer id = load_integer(at, header.kind, header.item_bytes);
    if (id.negative || id.bits >= limits::experts_per_layer_max) refuse_id(header, index, id, name);
    ids.push(static_cast<std::uint32_t>(id.bits));
  });
}

std::vector<float> read_npy_weights(ByteStream& stream, const NpyHeader& header, std::uint32_t dense_layers,
                                    std::string_view name) {
  if (header.kind != 'f' || header.item_bytes > 4) {
    refuse(name, fmt::format("has dtype {}{}, expected f2 or f4", header.kind, header.item_bytes));
  }
  std::vector<float> weights;
  weights.reserve(static_cast<std::size_t>(kept_items(header, dense_layers)));
  ColumnFilter filter(header, dense_layers);
  for_each_item(stream, header, name, [&](std::uint64_t index, const std::byte* at) {
    if (!filter.keeps_next()) return;
    const float weight = load_float(at, header.item_bytes);
    if (!std::isfinite(weight)) {
      const Cell where = cell(header, index);
      refuse(name, fmt::format("token {}, layer {}: weight {} is not finite; expected a number", where.token,
                               where.layer, weight));
    }
    weights.push_back(weight);
  });
  return weights;
}

void read_npy_integers(ByteStream& stream, const NpyHeader& header, std::string_view name,
                       const std::function<void(std::uint64_t, std::uint64_t)>& take) {
  require_integers(header, name);
  if (header.shape.size() > 1)
    refuse(name, fmt::format("has {} dimensions, expected at most 1", header.shape.size()));
  for_each_item(stream, header, name, [&](std::uint64_t index, const std::byte* at) {
    const Integer value = load_integer(at, header.kind, header.item_bytes);
    if (value.negative) refuse(name, fmt::format("item {} is {}, expected 0 or more", index, text_of(value)));
    take(index, value.bits);
  });
}

}  // namespace prophet
