#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/ledger/place.hpp"

namespace prophet::ledger {

/// One number that a run of this project gave, and how to get it again.
struct Recording {
  std::string id;  ///< "alpha.sample"
  double value = 0;
  std::string unit;
  std::string device;      ///< "host", "cpu", "sim:a100-80gb", or "none" where a trace alone is counted
  bool simulated = false;  ///< a time, and of a simulated device
  std::string source;      ///< the trace or model
  std::string seed;        ///< or empty
  std::string commit;      ///< of the program that gave it
  std::string command;
};

/// All that the program ships, in the order of the file. Read once.
[[nodiscard]] const std::vector<Recording>& recordings();
/// Throws Error{bad_input} with the nearest ids for another one.
[[nodiscard]] const Recording& find_recording(std::string_view id);

/// What `prophet headroom --grid` counted by allocating: baseline_tokens, prophet_tokens, extra_tokens and
/// extension of the study's 384 configurations.
[[nodiscard]] std::unique_ptr<Quantities> make_measured_quantities();
/// The command that counts them again.
[[nodiscard]] const char* headroom_command() noexcept;

}  // namespace prophet::ledger
