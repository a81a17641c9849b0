#pragma once

#include <memory>
#include <string_view>

#include "runtime/cache/make_policy.hpp"

namespace prophet::testing_support {

/// The policy `name` once more, written to be obviously right: lists that are searched, scores that are
/// scanned, a future that is read again for every question.
[[nodiscard]] std::unique_ptr<EvictionPolicy> make_naive_policy(std::string_view name,
                                                                const PolicyOptions& options);

}  // namespace prophet::testing_support
