#pragma once

namespace prophet::kernels {

/// What a launcher says of its arguments. Anything but `ok` means that nothing was written.
enum class Status {
  ok,
  null_pointer,       ///< a pointer is null though its shape is not empty
  bad_shape,          ///< a dimension is 0 or beyond what the matrix library counts (2^31 - 1)
  index_out_of_range  ///< a row or slot is not in the matrix it indexes
};

/// Static storage: "ok", "a null pointer", ...
[[nodiscard]] constexpr const char* status_name(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::null_pointer:
      return "a null pointer";
    case Status::bad_shape:
      return "a dimension that is 0 or beyond 2^31 - 1";
    case Status::index_out_of_range:
      return "a row or slot out of range";
  }
  return "an unknown status";
}

}  // namespace prophet::kernels
