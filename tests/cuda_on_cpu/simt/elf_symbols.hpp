#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace prophet::simt {

struct ElfSymbol {
  const char* name = nullptr;  ///< mangled; lives as long as the call that hands it out
  std::uint64_t value = 0;
  std::uint64_t bytes = 0;
  bool thread_local_storage = false;
};

/// Path of the program or shared library that this code is linked into.
[[nodiscard]] std::string own_module();

/// Calls `visit` with each named variable in the symbol table of a 64-bit ELF file. False when the file
/// cannot be read or has no symbol table (a stripped program).
[[nodiscard]] bool visit_variables(const std::string& path,
                                   const std::function<void(const ElfSymbol&)>& visit);

}  // namespace prophet::simt
