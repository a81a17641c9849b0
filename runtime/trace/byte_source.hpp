#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace prophet {

/// Bytes that can be read at any offset: a file or memory. Const access is thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  /// What error sentences call it.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  /// Fills `out` from `offset`. Throws Error{bad_input} when the source ends before, or cannot be read.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;

 protected:
  ByteSource(std::string where, std::uint64_t size_bytes)
      : where_(std::move(where)), size_bytes_(size_bytes) {}

 private:
  virtual void do_read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;

  std::string where_;
  std::uint64_t size_bytes_;
};

/// Opens a regular file for reading. Throws Error{bad_input} when it is missing, unreadable or not a file.
[[nodiscard]] std::unique_ptr<ByteSource> open_file_source(const std::filesystem::path& path);

/// A view of `bytes`, which must outlive it.
[[nodiscard]] std::unique_ptr<ByteSource> make_memory_source(std::span<const std::byte> bytes,
                                                             std::string where);

}  // namespace prophet
