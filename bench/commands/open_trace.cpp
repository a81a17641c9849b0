#include <algorithm>

#include "bench/commands/bundled_traces.hpp"
#include "runtime/trace/load_trace.hpp"

namespace prophet {
namespace {

const EmbeddedFile* find(std::string_view name) noexcept {
  const auto files = bundled_traces();
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const EmbeddedFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

bool is_bundled_trace(std::string_view name) noexcept {
  return find(name) != nullptr;
}

RoutingTrace open_trace(const std::string& name_or_path) {
  const EmbeddedFile* const bundled = find(name_or_path);
  if (bundled == nullptr) return load_trace(name_or_path);
  return load_trace_from_memory(std::as_bytes(std::span(bundled->contents)), bundled->name);
}

}  // namespace prophet
