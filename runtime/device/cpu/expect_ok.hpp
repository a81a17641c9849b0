#pragma once

#include <cstdint>

#include "kernels/status.hpp"

namespace prophet::cpu {

/// Throws Error{usage} naming the operation when its reference refuses it.
void expect_ok(kernels::Status status, const char* operation, std::uint64_t tag);

}  // namespace prophet::cpu
