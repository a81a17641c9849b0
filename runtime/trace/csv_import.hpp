#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "runtime/trace/import_options.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Imports `step,layer,token,expert[,weight]` text: one row for each expert that a token chose.
///
/// `token` is the number of the sequence (its lane), `step` the position in it, `layer` the MoE layer. All
/// three count from 0 without gaps. The rows of one (step, token) may stand anywhere in the file; among the
/// rows of one (step, token, layer), file order is the router's order. How many rows the first (step, token,
/// layer) has is top_k, and every other one must have as many. Lines end in LF, CR LF or CR, and are at most
/// limits::text_line_bytes_max long; a UTF-8 byte-order mark and blank lines are skipped.
///
/// Before the header line may stand lines that begin with '#'. Two kinds mean something, others are skipped:
///   # prophet_trace {JSON object of jsonl_import.hpp's first line}
///   # sequence N prefill P flags F
/// The file is read twice, so that memory stays below twice its size. Throws Error{bad_input} with the file,
/// the line, the value and what was expected.
[[nodiscard]] RoutingTrace import_csv(const std::filesystem::path& path, const ImportOptions& options = {});

/// The same on bytes in memory; `name` stands for the file in error sentences.
[[nodiscard]] RoutingTrace parse_csv(std::span<const std::byte> bytes, std::string_view name,
                                     const ImportOptions& options = {});

}  // namespace prophet
