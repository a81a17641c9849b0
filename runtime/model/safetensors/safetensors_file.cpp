#include "runtime/model/safetensors/safetensors_file.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "prophet/error.hpp"

namespace prophet {
namespace {

static_assert(std::endian::native == std::endian::little, "Prophet reads files on little-endian hosts");

constexpr std::uint64_t header_bytes_max = 100'000'000;  ///< the format's

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", where, why));
}

std::uint64_t header_bytes(std::span<const std::byte> file, const std::string& where) {
  std::uint64_t bytes = 0;
  if (file.size() < sizeof(bytes)) {
    refuse(where,
           fmt::format("holds {} bytes; expected the 8 bytes of a header's length first", file.size()));
  }
  std::memcpy(&bytes, file.data(), sizeof(bytes));
  if (bytes > header_bytes_max) {
    refuse(where,
           fmt::format("announces a header of {} bytes; expected at most {}", bytes, header_bytes_max));
  }
  const auto rest = file.size() - sizeof(bytes);
  if (bytes > rest) {
    refuse(where, fmt::format("announces a header of {} bytes, and {} follow; expected a whole header", bytes,
                              rest));
  }
  return bytes;
}

}  // namespace

SafetensorsLayout read_safetensors(std::span<const std::byte> file, const std::string& where) {
  const auto bytes = header_bytes(file, where);
  const auto header = file.subspan(sizeof(std::uint64_t), bytes);
  const std::string_view json(reinterpret_cast<const char*>(header.data()), header.size());
  SafetensorsLayout layout;
  layout.tensors = parse_safetensors_header(json, where);
  layout.data_begin = sizeof(std::uint64_t) + bytes;
  check_layout(layout.tensors, file.size() - layout.data_begin, where);
  return layout;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path.string()), file_(path), layout_(read_safetensors(file_.bytes(), path_)) {}

TensorView SafetensorsFile::view(std::size_t index) const noexcept {
  const auto& entry = layout_.tensors[index];
  return {entry.name, entry.dtype, entry.shape,
          file_.bytes().subspan(layout_.data_begin + entry.begin, entry.end - entry.begin)};
}

}  // namespace prophet
