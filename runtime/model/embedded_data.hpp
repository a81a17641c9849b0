#pragma once

#include <span>

#include "runtime/base/embedded_file.hpp"

namespace prophet {

/// The files of runtime/model/data: the catalogue first, then the GPU profiles in the order of the build
/// file.
[[nodiscard]] std::span<const EmbeddedFile> embedded_model_data() noexcept;

}  // namespace prophet
