#pragma once

#include <stdexcept>
#include <string>

namespace prophet {

/// Why an operation was refused; the value is the exit code of the `prophet` command.
enum class ErrorCode : int {
  check_failed = 1,   ///< a verification of Prophet's own found a difference
  usage = 2,          ///< an option or argument is unknown, missing or out of range
  bad_input = 3,      ///< a file is missing, truncated, corrupt or does not fit the others
  out_of_memory = 4,  ///< a device or the host has not the memory asked for
  no_device = 5,      ///< no such device, or it cannot be used
  device_lost = 6,    ///< the device is gone for the life of the process
};

/// The one exception type that Prophet throws. `what()` is one sentence that names the thing (file, option,
/// field), its value and what was expected. Whatever throws it leaves its state as it was before the call.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace prophet
