#pragma once

#include <string_view>

namespace prophet {

/// A data file that was compiled into a program or library: see prophet_embed() of the build.
struct EmbeddedFile {
  std::string_view name;      ///< without folder and suffix: "catalogue", "h100-80gb"
  std::string_view contents;  ///< all bytes of the file; static storage
};

}  // namespace prophet
