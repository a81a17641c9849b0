#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "prophet/error.hpp"

namespace prophet::test {

/// tests/model of the source tree.
[[nodiscard]] std::filesystem::path data_folder();
[[nodiscard]] std::string text_of(const std::filesystem::path& file);

/// A table with a header: one map from column to cell a row. Cells may be quoted.
using Row = std::map<std::string, std::string>;
[[nodiscard]] std::vector<Row> read_csv(const std::filesystem::path& file);

/// PROPHET_SEED, or a fresh seed; printed either way.
[[nodiscard]] std::uint64_t fresh_seed();

/// The sentence with which `call` throws prophet::Error, or a text that says that it did not.
template <class Call>
[[nodiscard]] std::string refusal_of(Call call) {
  try {
    static_cast<void>(call());
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was refused)";
}

}  // namespace prophet::test
