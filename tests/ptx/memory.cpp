#include "tests/ptx/memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace prophet::ptx {

void Memory::Buffer::mark(std::size_t first, std::size_t count) {
  if (written.empty()) return;
  for (std::size_t i = first; i < first + count; ++i) {
    if (!written[i]) ++written_bytes;
    written[i] = true;
  }
  if (written_bytes == bytes) written.clear();
}

bool Memory::Buffer::has(std::size_t first, std::size_t count) const {
  if (written.empty()) return true;
  for (std::size_t i = first; i < first + count; ++i) {
    if (!written[i]) return false;
  }
  return true;
}

void Memory::add(void* base, std::size_t bytes, std::string name, bool is_initialised, bool is_writable) {
  if (bytes == 0) return;
  const auto begin = std::bit_cast<std::uint64_t>(base);
  Buffer buffer{.begin = begin, .bytes = bytes, .name = std::move(name), .is_writable = is_writable};
  if (!is_initialised) buffer.written.assign(bytes, false);
  buffers_[begin] = std::move(buffer);
  last_ = nullptr;
}

void Memory::remove(void* base) {
  buffers_.erase(std::bit_cast<std::uint64_t>(base));
  last_ = nullptr;
}

Memory::Buffer* Memory::find(std::uint64_t address, std::size_t bytes) {
  const auto within = [&](const Buffer& buffer) {
    return address >= buffer.begin && address - buffer.begin < buffer.bytes &&
           bytes <= buffer.bytes - (address - buffer.begin);
  };
  if (last_ != nullptr && within(*last_)) return last_;
  auto after = buffers_.upper_bound(address);
  if (after == buffers_.begin()) return nullptr;
  Buffer& before = std::prev(after)->second;
  if (!within(before)) return nullptr;
  last_ = &before;
  return last_;
}

void Memory::mark_initialised(const void* begin, std::size_t bytes) {
  const auto address = std::bit_cast<std::uint64_t>(begin);
  if (Buffer* buffer = find(address, bytes)) buffer->mark(address - buffer->begin, bytes);
}

bool Memory::is_initialised(const void* begin, std::size_t bytes) const {
  const auto address = std::bit_cast<std::uint64_t>(begin);
  const Buffer* buffer = const_cast<Memory*>(this)->find(address, bytes);
  return buffer != nullptr && buffer->has(address - buffer->begin, bytes);
}

bool Memory::holds(const void* begin, std::size_t bytes) const {
  return const_cast<Memory*>(this)->find(std::bit_cast<std::uint64_t>(begin), bytes) != nullptr;
}

Memory::Buffer& Memory::require(std::uint64_t address, std::size_t bytes, const char* what) {
  Buffer* buffer = find(address, bytes);
  if (buffer == nullptr) {
    auto after = buffers_.upper_bound(address);
    const Buffer* before = after == buffers_.begin() ? nullptr : &std::prev(after)->second;
    throw Error(fmt::format("{} of {} bytes at {:#x} is outside every buffer{}", what, bytes, address,
                            before == nullptr
                                ? ""
                                : fmt::format(": it is {} bytes after the begin of '{}', which has {}",
                                              address - before->begin, before->name, before->bytes)));
  }
  if (address % bytes != 0)
    throw Error(fmt::format("{} of {} bytes at {:#x} is not aligned", what, bytes, address));
  return *buffer;
}

const std::byte* Memory::read(std::uint64_t address, std::size_t bytes) {
  const Buffer& buffer = require(address, bytes, "read");
  if (!buffer.has(address - buffer.begin, bytes)) {
    throw Error(fmt::format("read of {} bytes of '{}' at {}, which nobody wrote", bytes, buffer.name,
                            address - buffer.begin));
  }
  return std::bit_cast<const std::byte*>(address);
}

std::byte* Memory::write(std::uint64_t address, std::size_t bytes) {
  Buffer& buffer = require(address, bytes, "write");
  if (!buffer.is_writable) {
    throw Error(fmt::format("write of {} bytes to '{}' at {}, which is only to be read", bytes, buffer.name,
                            address - buffer.begin));
  }
  buffer.mark(address - buffer.begin, bytes);
  return std::bit_cast<std::byte*>(address);
}

}  // namespace prophet::ptx
