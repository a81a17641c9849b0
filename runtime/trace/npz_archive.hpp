#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/byte_stream.hpp"

struct zip;

namespace prophet {

/// The arrays of an .npz file, which is a zip archive of .npy entries. Not thread-safe.
class NpzArchive {
 public:
  /// Throws Error{bad_input} beginning with the file's name when it is no zip archive.
  explicit NpzArchive(const std::filesystem::path& path);
  /// The same on bytes in memory, which must outlive the archive.
  NpzArchive(std::span<const std::byte> bytes, std::string_view name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Names of the entries without ".npy", in the archive's order.
  [[nodiscard]] const std::vector<std::string>& arrays() const noexcept { return arrays_; }
  [[nodiscard]] bool has(std::string_view array) const noexcept;
  /// The bytes of one array; the archive must outlive them. Refuses an entry that claims more bytes than its
  /// compressed ones can hold, or than limits::trace_decompressed_bytes_max; reading past a damaged byte
  /// throws.
  [[nodiscard]] std::unique_ptr<ByteStream> open(std::string_view array) const;

 private:
  struct Close {
    void operator()(zip* archive) const noexcept;
  };
  void list_arrays();

  std::string name_;
  std::unique_ptr<zip, Close> archive_;
  std::vector<std::string> arrays_;
};

}  // namespace prophet
