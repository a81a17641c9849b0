#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace prophet {

/// A regular file, mapped for reading; owns the mapping. The size is read once. Whoever makes the file
/// shorter while it is mapped has later reads of the lost bytes end the process (SIGBUS), and whoever writes
/// to it changes what is read: checkpoints are replaced by renaming, not written to while they are in use.
/// Thread-safe once constructed. Pages are read from disk as they are touched.
class MappedFile {
 public:
  /// Throws Error{bad_input} for what is absent, unreadable or no regular file, and Error{out_of_memory} when
  /// the address space cannot hold it.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// Stays where it is when the owner is moved.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace prophet
