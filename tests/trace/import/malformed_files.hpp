#pragma once

#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/import_options.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::testing {

using Parse = RoutingTrace (*)(std::span<const std::byte>, std::string_view, const ImportOptions&);

/// One malformed file and what its refusal must say.
struct Malformed {
  const char* name;
  Parse parse;
  std::string content;
  std::vector<std::string> sentence_parts;
  ImportOptions options = {};
};

inline void PrintTo(const Malformed& file, std::ostream* out) {
  *out << file.name;
}

std::vector<Malformed> malformed_npy_files();
std::vector<Malformed> malformed_npz_files();
std::vector<Malformed> malformed_csv_files();
std::vector<Malformed> malformed_jsonl_files();

}  // namespace prophet::testing
