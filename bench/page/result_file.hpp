#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prophet::page {

/// Keys stay in the order of the file.
using Json = nlohmann::ordered_json;

/// What a prophet command wrote with --json.
struct Result {
  std::string path;
  std::string name;  ///< of the file, without its folder where no other result has the same
  std::string text;  ///< all its bytes
  Json document;

  /// "replay", "headroom"; empty where the command line names none.
  [[nodiscard]] std::string command() const;
  [[nodiscard]] const Json& provenance() const { return document.at("provenance"); }
  /// The ledger's claims, else the rows: objects, at least one.
  [[nodiscard]] const Json& rows() const;
  [[nodiscard]] bool is_ledger() const { return document.contains("claims"); }
};

/// Of any number of values, as long sweeps and timelines have, but no deeper than other texts. Throws
/// Error{bad_input}: what is wrong at which byte, and `expected`.
[[nodiscard]] Json parse_bounded(const std::filesystem::path& path, const std::string& text,
                                 const std::string& expected);

/// Throws Error{bad_input}, a sentence that names the file and what was expected, for a file that is missing,
/// is no JSON, has no provenance with the command line, is of a later schema, or has neither rows nor claims.
[[nodiscard]] Result read_result(const std::filesystem::path& path);

struct Results {
  std::vector<Result> results;
  std::vector<std::string> remarks;  ///< sentences: which files say the same and are shown once
};

/// read_result() of each. A file of the same bytes as an earlier one is left out, with a remark.
[[nodiscard]] Results read_results(const std::vector<std::string>& paths);

/// The number or text at `key` of an object; none for another type, null or no such key.
[[nodiscard]] std::optional<double> number_at(const Json& object, std::string_view key);
[[nodiscard]] std::string text_at(const Json& object, std::string_view key);
[[nodiscard]] bool is_true_at(const Json& object, std::string_view key);
/// True when every one of `rows` has all of `keys`.
[[nodiscard]] bool all_have(const Json& rows, const std::vector<std::string_view>& keys);

}  // namespace prophet::page
