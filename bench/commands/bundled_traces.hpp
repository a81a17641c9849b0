#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/base/embedded_file.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// The routing of the sample model in data/sample_model, which the program carries: by the names of its two
/// parts, which have no document in common.
inline constexpr std::string_view sample_trace = "sample";
inline constexpr std::string_view sample_train_trace = "sample-train";
/// Whose sizes the sample's experts take where a command's user names no model: its own are toys. 64 experts
/// a layer, top-8, as the sample.
inline constexpr std::string_view sample_sizes_of = "olmoe-1b-7b";

/// The compiled-in .ptrace files; a file's name is the trace's.
[[nodiscard]] std::span<const EmbeddedFile> bundled_traces() noexcept;

[[nodiscard]] bool is_bundled_trace(std::string_view name) noexcept;

/// The bundled trace of that name, else the file at that path in any format that load_trace() reads; ./NAME
/// is a file of a bundled trace's name. Throws as load_trace() does.
[[nodiscard]] RoutingTrace open_trace(const std::string& name_or_path);

}  // namespace prophet
