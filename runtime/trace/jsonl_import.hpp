#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "runtime/trace/import_options.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Imports JSON lines: one object a token, or one object a request.
///
/// The first line may be the header; all fields but the first are optional:
///   {"prophet_trace":1,"model":"...","source":"...","licence":"...","note":"...","synthetic":false,
///    "layers":24,"experts":32,"top_k":4,"first_layer_id":0,"layer_stride":1}
/// A token:
///   {"sequence":0,"position":0,"prefill":false,"flags":0,"experts":[[...top_k
///   ids...],...layers],"weights":[[...]]}
/// `sequence` defaults to 0, `position` to the next one of that sequence, `prefill` to false, `flags` (see
/// prophet::sequence_flags; or-ed over the sequence) to 0; `weights` stands in all lines or in none.
/// Sequences may be interleaved, as a server logs them, and are numbered from 0 without gaps; so are
/// positions, in any order. A request, as vLLM and SGLang return it (other fields are skipped):
///   {"routed_experts":[[[...top_k ids...],...layers],...tokens]}
/// Each such line is a sequence of its own, in file order. Blank lines are skipped; a line is at most
/// limits::text_line_bytes_max long. Throws Error{bad_input} with the file, the line, the value and what was
/// expected.
[[nodiscard]] RoutingTrace import_jsonl(const std::filesystem::path& path, const ImportOptions& options = {});

/// The same on bytes in memory; `name` stands for the file in error sentences.
[[nodiscard]] RoutingTrace parse_jsonl(std::span<const std::byte> bytes, std::string_view name,
                                       const ImportOptions& options = {});

}  // namespace prophet
