#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace prophet {

/// A file that appears at its path whole or not at all: bytes go to a temporary beside it, which `commit`
/// renames. Destroyed before that, nothing is left behind and what stood at the path stays. Not thread-safe.
class AtomicFile {
 public:
  /// Throws Error{bad_input} when the folder cannot be written or something else than a regular file stands
  /// there.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws Error{bad_input} with the system's reason, such as a full disk.
  void write(std::span<const std::byte> bytes);
  /// Overwrites bytes written before. REQUIRES: offset + bytes.size() <= size_bytes().
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Makes the file durable and gives it its name. REQUIRES: not committed yet.
  void commit();

  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  [[noreturn]] void refuse(const char* what) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int file_ = -1;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace prophet
