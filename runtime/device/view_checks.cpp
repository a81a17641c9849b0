#include "runtime/device/view_checks.hpp"

#include <fmt/format.h>

#include <limits>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t too_much = std::numeric_limits<std::uint64_t>::max();

/// The product, or too_much: no buffer has that many bytes.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? too_much : result;
}

std::uint64_t bytes_of(const NeededView& needed) {
  const ViewShape& shape = needed.shape;
  if (shape.first == 0 || shape.second == 0 || shape.third == 0) return 0;
  return product(product(product(shape.first, shape.second), shape.third), needed.value_bytes);
}

}  // namespace

void refuse_operation(const char* operation, const std::string& what_is_wrong) {
  throw Error(ErrorCode::usage, fmt::format("{} operation: {}", operation, what_is_wrong));
}

void check_view(const BufferTable& buffers, const char* operation, const NeededView& needed) {
  const BufferView& view = needed.view;
  if (!buffers.has(view)) {
    buffers.check(view, fmt::format("{} operation: {}", operation, needed.what).c_str());
  }
  if (buffers.kind(view) != MemoryKind::device) {
    refuse_operation(operation, fmt::format("{} is in host memory, expected device memory", needed.what));
  }
  if (view.offset_bytes % needed.alignment_bytes != 0) {
    refuse_operation(
        operation, fmt::format("{} begins at offset {} of buffer {}, expected a multiple of {}", needed.what,
                               view.offset_bytes, view.buffer.value, needed.alignment_bytes));
  }
  if (view.size_bytes < bytes_of(needed)) {
    refuse_operation(operation, fmt::format("{} has {} bytes, expected {} * {} * {} values of {}",
                                            needed.what, view.size_bytes, needed.shape.first,
                                            needed.shape.second, needed.shape.third, needed.value_bytes));
  }
}

void check_apart(const char* operation, const NeededView& written, const NeededView& read) {
  const BufferView& a = written.view;
  const BufferView& b = read.view;
  // The bytes that the shapes ask for: views have been checked and may be larger.
  const std::uint64_t a_bytes = bytes_of(written);
  const std::uint64_t b_bytes = bytes_of(read);
  if (a.buffer != b.buffer || a_bytes == 0 || b_bytes == 0) return;
  if (a.offset_bytes >= b.offset_bytes + b_bytes || b.offset_bytes >= a.offset_bytes + a_bytes) return;
  refuse_operation(operation,
                   fmt::format("{} at offset {} overlaps {} at offset {} of buffer {}, expected them apart",
                               written.what, a.offset_bytes, read.what, b.offset_bytes, a.buffer.value));
}

}  // namespace prophet
