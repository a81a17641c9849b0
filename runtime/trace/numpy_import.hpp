#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "runtime/trace/import_options.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Imports one expert-id array `[tokens, layers, top_k]` as vLLM and SGLang return it (`routed_experts`).
///
/// .npy versions 1.0, 2.0 and 3.0; dtypes u1, u2, u4, u8, i2, i4, i8, little endian; C order. The whole array
/// is one sequence without prefill tokens. Ids are read as a stream: memory stays below twice the array.
/// Throws Error{bad_input} with the file, the field or the (token, layer), the value and what was expected; a
/// negative id, as padding has it, is refused.
[[nodiscard]] RoutingTrace import_npy(const std::filesystem::path& path, const ImportOptions& options = {});

/// Imports an .npz archive (entries stored or deflated) with these arrays:
///   experts | routed_experts | the only array   ids [tokens, layers, top_k], dtypes as for import_npy
///   weights            optional   router weights, same shape, f2 or f4
///   sequence_lengths   optional   integers [sequences], their sum is `tokens`; absent: one sequence
///   prefill_lengths    optional   integers [sequences], how many leading tokens of each are prompt tokens
///   sequence_flags     optional   integers [sequences], see prophet::sequence_flags
///   num_experts        optional   one integer
///   provenance         optional   u1 [bytes], the JSON object of jsonl_import.hpp's first line
/// Throws as import_npy does, naming the array.
[[nodiscard]] RoutingTrace import_npz(const std::filesystem::path& path, const ImportOptions& options = {});

/// The same on bytes in memory; `name` stands for the file in error sentences.
[[nodiscard]] RoutingTrace parse_npy(std::span<const std::byte> bytes, std::string_view name,
                                     const ImportOptions& options = {});
[[nodiscard]] RoutingTrace parse_npz(std::span<const std::byte> bytes, std::string_view name,
                                     const ImportOptions& options = {});

}  // namespace prophet
