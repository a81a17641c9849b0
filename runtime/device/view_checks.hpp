#pragma once

#include <cstdint>
#include <string>

#include "runtime/device/buffer_table.hpp"

namespace prophet {

/// Throws Error{usage} with the sentence "<operation> operation: <what is wrong>".
[[noreturn]] void refuse_operation(const char* operation, const std::string& what_is_wrong);

/// Up to three dimensions.
struct ViewShape {
  std::uint64_t first = 1;
  std::uint64_t second = 1;
  std::uint64_t third = 1;
};

/// One view of an operation and what it is to hold.
struct NeededView {
  const char* what = "";  ///< as a sentence names it: "the output"
  BufferView view;
  ViewShape shape{};
  std::uint64_t value_bytes = 4;
  std::uint64_t alignment_bytes = value_bytes;
};

/// Checks that a view is allocated, of device memory, aligned and large enough for its shape, whatever the
/// shape's numbers are. Throws Error{usage}.
void check_view(const BufferTable& buffers, const char* operation, const NeededView& needed);

/// Checks that a view that is written shares no byte with one that is read. Throws Error{usage}.
void check_apart(const char* operation, const NeededView& written, const NeededView& read);

}  // namespace prophet
