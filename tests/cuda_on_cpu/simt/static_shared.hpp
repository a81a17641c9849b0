#pragma once

#include <cstddef>
#include <span>

namespace prophet::simt {

/// A __shared__ variable of some kernel, as the symbol table of this program lists it.
struct SharedVariable {
  const char* mangled_name = nullptr;
  std::size_t offset = 0;  ///< in the thread-local storage of the program, or in its image
  std::size_t bytes = 0;
  bool thread_local_storage = true;
};

/// The static shared memory of the OS thread that calls; that is, of the block which it runs.
class StaticShared {
 public:
  /// Fills the variables with poison: those of all kernels, as none tells which are its own.
  void prepare() const;
  [[nodiscard]] bool contains(const void* begin, std::size_t bytes) const;
};

/// All of them. Found once, by the tag that __shared__ puts into their names (see language/qualifiers.hpp).
[[nodiscard]] std::span<const SharedVariable> shared_variables();

}  // namespace prophet::simt
