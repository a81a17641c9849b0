#pragma once

#include <string>

namespace prophet::simt {

class Block;

/// Prints which rule was violated, by which block and thread, and who waits where; then ends the process.
[[noreturn]] void fail(Block& block, const std::string& rule);

/// The same where no block runs: a device function was called by the host, or a launch is out of bounds.
[[noreturn]] void fail(const std::string& rule);

}  // namespace prophet::simt
