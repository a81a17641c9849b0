#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/safetensors/tensor_dtype.hpp"

namespace prophet {

/// What a file's header says of one tensor.
struct TensorEntry {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::uint64_t> shape;  ///< row-major; empty for a scalar; a dimension may be 0
  std::uint64_t begin = 0;           ///< first byte, counted from the end of the header
  std::uint64_t end = 0;             ///< behind the last byte
};

/// The header of a safetensors file: one JSON object from names to {"dtype", "shape", "data_offsets"}, and
/// "__metadata__" from text to text, of which nothing is kept. Fields that the format does not know are
/// skipped. `where` names the file in sentences. The entries are in the header's order and not checked
/// against one another or against the data: see check_layout().
///
/// Accepts and refuses as the Python package `safetensors` 0.8 does, but for what scripts/compare_safetensors
/// lists. Memory: at most 8 bytes for each byte of the header, and 64 MiB. Throws Error{bad_input}.
[[nodiscard]] std::vector<TensorEntry> parse_safetensors_header(std::string_view json,
                                                                const std::string& where);

/// Sorts the entries by their bytes, and checks that names differ, that each tensor has the bytes that its
/// shape and dtype ask for, and that together they cover `data_bytes` from 0 to the end without gap or
/// overlap. Throws Error{bad_input}.
void check_layout(std::vector<TensorEntry>& entries, std::uint64_t data_bytes, const std::string& where);

}  // namespace prophet
