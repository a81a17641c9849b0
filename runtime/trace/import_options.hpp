#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace prophet {

/// What the importers cannot read from a file and its user may know. Every field may stay empty.
struct ImportOptions {
  /// Experts per layer of the traced model. Absent: what the file says; where it says nothing, the largest id
  /// plus one, rounded up to a multiple of `expert_count_unit` (every published model keeps to it).
  std::optional<std::uint32_t> experts;
  /// NumPy arrays only: leading columns that belong to dense layers (vLLM and SGLang keep a column for every
  /// layer of the model). They are dropped, and the trace's first_layer_id becomes this number.
  std::uint32_t dense_layers = 0;
  std::string model;    ///< replaces what the file says, unless empty; "unknown" when neither says it
  std::string source;   ///< replaces what the file says, unless empty; the file's name when neither says it
  std::string licence;  ///< replaces what the file says, unless empty; "unknown" when neither says it
  std::string note;     ///< replaces what the file says, unless empty
  bool synthetic = false;  ///< marks the trace as synthetic; a file's own mark cannot be taken off

  static constexpr std::uint32_t expert_count_unit = 4;
};

}  // namespace prophet
