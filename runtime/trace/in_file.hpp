#pragma once

#include <string>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {

/// Runs `work` and puts "where: " before the sentence of an Error that does not begin with it yet.
template <class Work>
decltype(auto) in_file(const std::string& where, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    const std::string sentence = error.what();
    if (sentence.rfind(where, 0) == 0) throw;
    throw Error(error.code(), where + ": " + sentence);
  }
}

}  // namespace prophet
