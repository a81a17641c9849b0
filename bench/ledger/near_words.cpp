#include "bench/ledger/near_words.hpp"

#include <algorithm>
#include <map>

#include "runtime/model/names.hpp"

namespace prophet::ledger {
namespace {

constexpr std::size_t words_most = 6;

}  // namespace

std::string near_words(std::string_view word, const std::vector<std::string>& known) {
  std::map<std::string, std::string> spelled;
  std::vector<std::string> lower;
  for (const std::string& each : known) {
    lower.push_back(lower_case(each));
    spelled[lower.back()] = each;
  }
  const std::vector<std::string> near = near_names(word, lower);
  std::string text;
  for (std::size_t i = 0; i < std::min(near.size(), words_most); ++i)
    text += (text.empty() ? "" : ", ") + spelled[near[i]];
  return text;
}

}  // namespace prophet::ledger
