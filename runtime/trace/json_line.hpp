#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/import_support.hpp"

namespace prophet {

/// Numbers of a nested JSON array, flat, with the extent of each level; all arrays of a level are as long.
struct NestedArray {
  static constexpr std::size_t levels_max = 3;
  std::array<std::optional<std::uint64_t>, levels_max> extents;  ///< outermost first
  bool present = false;

  void clear() noexcept { *this = NestedArray{}; }
};

/// One line of a JSON-lines trace, see jsonl_import.hpp: the header, a token or a request.
struct JsonLine {
  bool is_header = false;
  TraceHeader header;
  std::optional<std::uint64_t> sequence;
  std::optional<std::uint64_t> position;
  bool prefill = false;
  std::uint32_t flags = 0;
  NestedArray experts;         ///< [layers, top_k]
  NestedArray routed_experts;  ///< [tokens, layers, top_k]
  NestedArray weights;         ///< [layers, top_k]
  std::vector<std::uint32_t> ids;
  std::vector<float> weight_values;
};

/// Parses one object into `line`, whose former content goes; its buffers are used again. Memory stays
/// proportional to the text, however deep it nests. `name` begins the sentence of the Error{bad_input} that
/// says what is wrong. Unknown fields are skipped.
void parse_json_line(std::string_view text, std::string_view name, JsonLine& line);

/// The header of a trace as one JSON object, without line end.
[[nodiscard]] std::string trace_header_json(const RoutingTrace& trace);

}  // namespace prophet
