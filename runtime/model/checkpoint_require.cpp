#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/model/checkpoint.hpp"
#include "runtime/model/json_events.hpp"

namespace prophet {
namespace {

constexpr std::size_t named_max = 20;

std::string shape_text(std::span<const std::uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string dtypes_text(const std::vector<TensorDtype>& dtypes) {
  std::vector<std::string_view> names;
  for (const auto dtype : dtypes) names.push_back(tensor_dtype_name(dtype));
  return fmt::format("{}", fmt::join(names, " or "));
}

/// What is wrong with `found`, as an item of a list; empty when it will do.
std::string complaint(const TensorRequirement& needed, const std::optional<TensorView>& found) {
  const auto name = quoted_name(needed.name);
  if (!found) return fmt::format("{} is missing (expected {})", name, shape_text(needed.shape));
  if (!std::ranges::equal(found->shape, needed.shape)) {
    return fmt::format("{} has the shape {} (expected {})", name, shape_text(found->shape),
                       shape_text(needed.shape));
  }
  const auto& allowed = needed.dtypes;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), found->dtype) == allowed.end()) {
    return fmt::format("{} has the dtype {} (expected {})", name, tensor_dtype_name(found->dtype),
                       dtypes_text(allowed));
  }
  return {};
}

}  // namespace

void Checkpoint::require(std::span<const TensorRequirement> needed) const {
  std::vector<std::string> named;
  std::size_t wrong = 0;
  for (const auto& requirement : needed) {
    auto said = complaint(requirement, find(requirement.name));
    if (said.empty()) continue;
    ++wrong;
    if (named.size() < named_max) named.push_back(std::move(said));
  }
  if (wrong == 0) return;
  const auto rest = wrong > named.size() ? fmt::format(", and {} more", wrong - named.size()) : std::string();
  throw Error(ErrorCode::bad_input,
              fmt::format("'{}': {} of the {} tensors that the model needs do not fit: {}{}", folder_, wrong,
                          needed.size(), fmt::join(named, ", "), rest));
}

}  // namespace prophet
