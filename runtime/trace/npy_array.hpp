#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/byte_stream.hpp"
#include "runtime/trace/import_support.hpp"

namespace prophet {

/// What an .npy header says: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
struct NpyHeader {
  char kind = 'u';               ///< 'u' unsigned, 'i' signed, 'f' floating
  std::uint32_t item_bytes = 1;  ///< 1, 2, 4 or 8
  std::vector<std::uint64_t> shape;

  [[nodiscard]] std::uint64_t items() const noexcept;  ///< product of the shape; the reader has bounded it
};

/// Reads the header and leaves `stream` at the first item. Throws Error{bad_input} beginning with `name`
/// unless it is a C-ordered little-endian array of integers or floats whose data fills the rest of `stream`,
/// whose size is known exactly.
[[nodiscard]] NpyHeader read_npy_header(ByteStream& stream, std::string_view name);

/// The header, version 1.0, of an array written by Prophet. `descr` is such as "|u1".
[[nodiscard]] std::string npy_header_text(std::string_view descr, const std::vector<std::uint64_t>& shape);

/// Appends the ids of a `[tokens, layers, top_k]` array to `ids`, without the first `dense_layers` columns.
/// Throws Error{bad_input} naming token and layer for a negative id or one beyond
/// limits::experts_per_layer_max.
void read_npy_ids(ByteStream& stream, const NpyHeader& header, std::uint32_t dense_layers,
                  std::string_view name, IdBuffer& ids);

/// The weights of a `[tokens, layers, top_k]` array of f2 or f4, finite, without the first `dense_layers`
/// columns.
[[nodiscard]] std::vector<float> read_npy_weights(ByteStream& stream, const NpyHeader& header,
                                                  std::uint32_t dense_layers, std::string_view name);

/// Gives each item of a one-dimensional array (or the one item of a scalar) of integers, in order, to `take`.
void read_npy_integers(ByteStream& stream, const NpyHeader& header, std::string_view name,
                       const std::function<void(std::uint64_t index, std::uint64_t value)>& take);

}  // namespace prophet
