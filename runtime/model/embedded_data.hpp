#pragma once

#include <span>
#include <string_view>

namespace prophet {

/// A data file of runtime/model/data, compiled into the library.
struct EmbeddedFile {
  std::string_view name;  ///< without folder and suffix: "catalogue", "h100-80gb"
  std::string_view text;
};

/// The catalogue first, then the GPU profiles in the order of the build file.
[[nodiscard]] std::span<const EmbeddedFile> embedded_files() noexcept;

}  // namespace prophet
