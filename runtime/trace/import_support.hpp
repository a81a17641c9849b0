#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/import_options.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What a foreign file says about itself; the text formats carry it as one JSON object, see jsonl_import.hpp.
struct TraceHeader {
  bool present = false;  ///< the file has a header; else the fields below hold defaults
  TraceProvenance provenance;
  std::optional<std::uint32_t> layers;
  std::optional<std::uint32_t> experts;
  std::optional<std::uint32_t> top_k;
  std::uint32_t first_layer_id = 0;
  std::uint32_t layer_stride = 1;
};

/// Expert ids as an importer meets them: one byte each until an id needs two.
class IdBuffer {
 public:
  void reserve(std::uint64_t ids, bool wide);
  /// REQUIRES: id < limits::experts_per_layer_max.
  void push(std::uint32_t id);
  /// Makes room for `ids` ids, all 0, each as wide as `largest` needs; set() then fills them in any order.
  void resize(std::uint64_t ids, std::uint32_t largest);
  void set(std::uint64_t at, std::uint32_t id) noexcept;
  [[nodiscard]] std::uint32_t get(std::uint64_t at) const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept { return ids_.size() / (wide_ ? 2 : 1); }
  [[nodiscard]] std::uint32_t largest() const noexcept { return largest_; }
  /// The ids as RoutingTrace stores them for `experts` experts; the buffer is empty then.
  [[nodiscard]] std::vector<std::byte> take(std::uint32_t experts);

 private:
  void widen();

  std::vector<std::byte> ids_;
  std::uint32_t largest_ = 0;
  bool wide_ = false;
};

/// What an importer has found, before it becomes a trace.
struct ImportParts {
  TraceHeader header;
  std::uint64_t layers = 0;
  std::uint64_t top_k = 0;
  std::vector<SequenceInfo> sequences;
  IdBuffer ids;
  std::vector<float> weights;
};

/// Throws Error{bad_input, "name: sentence"}.
[[noreturn]] void refuse(std::string_view name, std::string_view sentence);

/// Refuses a shape beyond limits.hpp, or of no tokens, layers or experts. Call before allocating for it.
void check_import_shape(std::string_view name, std::uint64_t tokens, std::uint64_t layers,
                        std::uint64_t top_k);

/// The trace of `parts`, completed and overruled by `options`. Throws Error{bad_input} beginning with `name`
/// when the parts do not fit each other, the header or the options.
[[nodiscard]] RoutingTrace build_trace(std::string_view name, ImportParts parts,
                                       const ImportOptions& options);

}  // namespace prophet
