#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/safetensors/tensor_dtype.hpp"

namespace prophet::testing {

struct WrittenTensor {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::uint64_t> shape;
  std::vector<std::byte> data;
};

/// The bytes of a safetensors file with any header and data, well-formed or not.
[[nodiscard]] std::string safetensors_bytes(std::string_view header, std::string_view data = {});

/// The bytes of a file of these tensors, whose data follow one another in their order, while the header names
/// them in the order of `header_order` (empty: the same). `padding` spaces end the header.
[[nodiscard]] std::string safetensors_bytes(std::span<const WrittenTensor> tensors,
                                            std::span<const std::size_t> header_order = {},
                                            std::size_t padding = 0);

void write_bytes(const std::filesystem::path& file, std::string_view bytes);

}  // namespace prophet::testing
