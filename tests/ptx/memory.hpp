#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/ptx/types.hpp"

namespace prophet::ptx {

/// What kernels may reach outside their block: buffers of host memory, at their real addresses, that somebody
/// declared. An access must lie in one buffer and be aligned to its size; bytes may be read only after
/// something was written to them. Not thread-safe.
class Memory {
 public:
  /// The caller keeps the memory alive until `remove`.
  void add(void* base, std::size_t bytes, std::string name, bool is_initialised, bool is_writable = true);
  void remove(void* base);
  /// The host wrote these bytes.
  void mark_initialised(const void* begin, std::size_t bytes);
  /// True when the bytes lie in one buffer and each was written.
  [[nodiscard]] bool is_initialised(const void* begin, std::size_t bytes) const;
  [[nodiscard]] bool holds(const void* begin, std::size_t bytes) const;

  /// Host pointers for an access of a kernel; Error that says what is wrong with it.
  [[nodiscard]] const std::byte* read(std::uint64_t address, std::size_t bytes);
  [[nodiscard]] std::byte* write(std::uint64_t address, std::size_t bytes);

 private:
  struct Buffer {
    std::uint64_t begin = 0;
    std::size_t bytes = 0;
    std::string name;
    bool is_writable = true;
    std::vector<bool> written{};  ///< empty when all bytes are
    std::size_t written_bytes = 0;

    void mark(std::size_t first, std::size_t count);
    [[nodiscard]] bool has(std::size_t first, std::size_t count) const;
  };

  [[nodiscard]] Buffer* find(std::uint64_t address, std::size_t bytes);
  [[nodiscard]] Buffer& require(std::uint64_t address, std::size_t bytes, const char* what);

  std::map<std::uint64_t, Buffer> buffers_;
  Buffer* last_ = nullptr;
};

}  // namespace prophet::ptx
