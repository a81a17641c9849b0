#pragma once

#include <optional>
#include <string_view>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// The catalogue's model of that name or alias (case does not matter).
[[nodiscard]] std::optional<ModelShape> find_in_catalogue(std::string_view name);

}  // namespace prophet
