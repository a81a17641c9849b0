#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// Names of the models that Prophet knows by itself, in catalogue order.
[[nodiscard]] std::vector<std::string> catalogue_names();

/// A catalogue name (case does not matter), or the path of a Hugging Face config.json or of the folder that
/// holds it. Throws Error{usage} for an unknown name, listing the near ones, and Error{bad_input} for a
/// config.json that lacks a field, holds an absurd number, or is of an unknown architecture (then the
/// sentence lists the fields looked for).
[[nodiscard]] ModelShape load_model(std::string_view name_or_path);

/// The same from the text of a config.json; `where` stands in error sentences.
[[nodiscard]] ModelShape parse_hf_config(std::string_view json_text, std::string_view where);

}  // namespace prophet
