#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/safetensors/header.hpp"
#include "runtime/model/safetensors/mapped_file.hpp"

namespace prophet {

/// One tensor in bytes that someone else owns. Little-endian, row-major, at any alignment: a header may have
/// any length. Copy with memcpy or through tensor_values.hpp; do not cast.
struct TensorView {
  std::string_view name;
  TensorDtype dtype = TensorDtype::f32;
  std::span<const std::uint64_t> shape;
  std::span<const std::byte> bytes;
};

/// The tensors of the bytes of a safetensors file, by ascending place in the file, and where their data
/// begin.
struct SafetensorsLayout {
  std::vector<TensorEntry> tensors;
  std::uint64_t data_begin = 0;
};

/// Reads and checks the header of `file`, the whole of a file's bytes; values are not looked at. Accepts and
/// refuses as parse_safetensors_header() and check_layout() say; a header has at most 100 MB. `where` names
/// the file in sentences. Throws Error{bad_input}.
[[nodiscard]] SafetensorsLayout read_safetensors(std::span<const std::byte> file, const std::string& where);

/// A mapped safetensors file; owns the mapping and the names, to which its views point: they live as long as
/// it does, also when it is moved. See MappedFile for what a file that changes does. Thread-safe once
/// constructed.
class SafetensorsFile {
 public:
  /// Throws Error{bad_input} as MappedFile and read_safetensors do.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// By ascending place in the file.
  [[nodiscard]] std::span<const TensorEntry> tensors() const noexcept { return layout_.tensors; }
  /// `index` is one of tensors().
  [[nodiscard]] TensorView view(std::size_t index) const noexcept;

 private:
  std::string path_;
  MappedFile file_;
  SafetensorsLayout layout_;
};

}  // namespace prophet
