#pragma once

#include <span>

#include "runtime/base/embedded_file.hpp"

namespace prophet {

/// The files of bench/ledger/data: measurements, headroom, then the claims of each document in its order.
[[nodiscard]] std::span<const EmbeddedFile> embedded_ledger_data() noexcept;

}  // namespace prophet
