#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "predictor/trained/trained_predictor.hpp"

namespace prophet {

/// A trained predictor as a safetensors file: tensor "prophet" is JSON text (U8) with the shapes, the others
/// are numbers, named mlp.*, use.* and learnt_from. Equal predictors have equal bytes.
[[nodiscard]] std::vector<std::byte> predictor_file_bytes(const TrainedPredictor& trained);

/// Reads such bytes, which may come from anyone: everything is checked before anything is built of it, and at
/// most the bytes of the file are kept. `where` names the file. Throws Error{bad_input} for a tensor that is
/// missing, unknown, of another dtype or shape than the text asks for, or holds a number that is not finite.
[[nodiscard]] TrainedPredictor parse_predictor_file(std::span<const std::byte> file,
                                                    const std::string& where);

/// Writes the file as a whole or not at all. Throws Error{bad_input} as AtomicFile does.
void save_predictor(const std::filesystem::path& path, const TrainedPredictor& trained);
/// Throws Error{bad_input}.
[[nodiscard]] TrainedPredictor load_predictor(const std::filesystem::path& path);

}  // namespace prophet
