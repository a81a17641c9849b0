#include "runtime/model/names.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace prophet {
namespace {

constexpr std::size_t name_characters_max = 64;
constexpr std::size_t near_names_max = 5;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Levenshtein's distance in one row.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// Small too when `name` is a part of `known`, or nearly its beginning.
std::size_t distance(std::string_view name, std::string_view known) {
  if (known.find(name) != std::string_view::npos || name.find(known) != std::string_view::npos) return 1;
  const auto of_beginning = edits_between(name, known.substr(0, name.size()));
  return of_beginning <= name.size() / 4 ? std::min(of_beginning + 1, edits_between(name, known))
                                         : edits_between(name, known);
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& known) {
  const auto wanted = lower_case(name.substr(0, name_characters_max));
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& candidate : known) {
    const auto edits = distance(wanted, candidate);
    if (!wanted.empty() && edits <= std::max<std::size_t>(2, candidate.size() / 3))
      near.emplace_back(edits, candidate);
  }
  if (near.empty()) return known;
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  near.resize(std::min(near.size(), near_names_max));
  std::vector<std::string> names;
  for (auto& candidate : near) names.push_back(std::move(candidate.second));
  return names;
}

bool looks_like_path(std::string_view text) {
  constexpr std::string_view suffix = ".json";
  return text.find('/') != std::string_view::npos ||
         (text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix);
}

}  // namespace prophet
