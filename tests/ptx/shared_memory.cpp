#include "tests/ptx/shared_memory.hpp"

#include <fmt/format.h>

#include <cstring>

namespace prophet::ptx {
namespace {

constexpr std::size_t gap_bytes = 16;
constexpr std::uint32_t warp_threads = 32;

}  // namespace

std::size_t SharedMemory::allocate(std::size_t bytes, std::size_t align) {
  const std::size_t begin = (first_states_.size() + align - 1) / align * align;
  first_states_.resize(begin, State::outside);
  first_states_.resize(begin + bytes, State::empty);
  first_states_.resize(begin + bytes + gap_bytes, State::outside);
  reset();
  return begin;
}

void SharedMemory::reset() {
  bytes_.assign(first_states_.size(), std::byte{0xCD});
  shadow_.assign(first_states_.size(), Byte{});
  for (std::size_t i = 0; i < shadow_.size(); ++i) shadow_[i].state = first_states_[i];
}

void SharedMemory::check_place(std::uint64_t offset, std::size_t bytes, const char* what) const {
  bool inside = offset <= shadow_.size() && bytes <= shadow_.size() - offset;
  for (std::uint64_t i = offset; inside && i < offset + bytes; ++i)
    inside = shadow_[i].state != State::outside;
  if (!inside) {
    throw Error(
        fmt::format("{} of {} bytes at {} of shared memory is outside every variable", what, bytes, offset));
  }
  if (offset % bytes != 0) {
    throw Error(fmt::format("{} of {} bytes at {} of shared memory is not aligned", what, bytes, offset));
  }
}

void SharedMemory::check_written(std::uint64_t offset, const Byte& byte) const {
  if (byte.state == State::empty) {
    throw Error(fmt::format("read of byte {} of shared memory, which nobody wrote", offset));
  }
  if (byte.state == State::copying) {
    throw Error(fmt::format(
        "access to byte {} of shared memory while an asynchronous copy into it is not waited for", offset));
  }
}

void SharedMemory::check_order(std::uint64_t offset, const Access& before, const Accessor& by,
                               const char* what) const {
  if (before.time == 0 || before.thread == by.thread) return;
  if ((*by.seen)[before.thread / warp_threads] > before.time) return;
  throw Error(fmt::format("race on byte {} of shared memory: thread {} {} and no barrier stands between them",
                          offset, by.thread, fmt::format(fmt::runtime(what), before.thread)));
}

void SharedMemory::note_reader(Byte& byte, const Accessor& by) {
  Access& last = byte.readers[0];
  if (last.time != 0 && last.thread / warp_threads != by.warp) byte.readers[1] = last;
  last = {by.thread, (*by.seen)[by.warp]};
}

bool SharedMemory::read(std::uint64_t offset, void* to, std::size_t bytes, const Accessor& by) {
  check_place(offset, bytes, "read");
  bool is_written = true;
  for (std::uint64_t i = offset; i < offset + bytes; ++i) {
    Byte& byte = shadow_[i];
    is_written = is_written && byte.state != State::empty;
    if (byte.state == State::copying) check_written(i, byte);
    check_order(i, byte.writer, by, "reads what thread {} wrote");
    note_reader(byte, by);
  }
  std::memcpy(to, bytes_.data() + offset, bytes);
  return is_written;
}

void SharedMemory::write(std::uint64_t offset, const void* from, std::size_t bytes, const Accessor& by) {
  check_place(offset, bytes, "write");
  for (std::uint64_t i = offset; i < offset + bytes; ++i) {
    Byte& byte = shadow_[i];
    if (byte.state == State::copying) check_written(i, byte);
    // Threads that write the same value do no harm.
    if (byte.state != State::written || bytes_[i] != static_cast<const std::byte*>(from)[i - offset]) {
      check_order(i, byte.writer, by, "overwrites what thread {} wrote");
    }
    for (const Access& reader : byte.readers) check_order(i, reader, by, "overwrites what thread {} reads");
    byte.state = State::written;
    byte.is_atomic = false;
    byte.writer = {by.thread, (*by.seen)[by.warp]};
  }
  std::memcpy(bytes_.data() + offset, from, bytes);
}

void SharedMemory::check_atomic(std::uint64_t offset, std::size_t bytes, const Accessor& by) {
  check_place(offset, bytes, "atomic access");
  for (std::uint64_t i = offset; i < offset + bytes; ++i) {
    Byte& byte = shadow_[i];
    check_written(i, byte);
    if (!byte.is_atomic) check_order(i, byte.writer, by, "changes what thread {} wrote");
    for (const Access& reader : byte.readers) check_order(i, reader, by, "changes what thread {} reads");
    byte.is_atomic = true;
    byte.writer = {by.thread, (*by.seen)[by.warp]};
  }
}

void SharedMemory::begin_copy(std::uint64_t offset, std::size_t bytes, const Accessor& by) {
  check_place(offset, bytes, "asynchronous copy");
  for (std::uint64_t i = offset; i < offset + bytes; ++i) {
    Byte& byte = shadow_[i];
    if (byte.state == State::copying) check_written(i, byte);
    check_order(i, byte.writer, by, "overwrites what thread {} wrote");
    for (const Access& reader : byte.readers) check_order(i, reader, by, "overwrites what thread {} reads");
    byte.state = State::copying;
  }
}

void SharedMemory::write_copied(std::uint64_t offset, const void* from, std::size_t bytes,
                                const Accessor& by) {
  for (std::uint64_t i = offset; i < offset + bytes; ++i) {
    Byte& byte = shadow_[i];
    byte.state = State::written;
    byte.is_atomic = false;
    byte.writer = {by.thread, (*by.seen)[by.warp]};
  }
  std::memcpy(bytes_.data() + offset, from, bytes);
}

}  // namespace prophet::ptx
