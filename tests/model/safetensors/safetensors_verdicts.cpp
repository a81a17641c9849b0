/// Reads paths of safetensors files, one a line, from standard input, and prints of each one JSON line: what
/// the file holds, {"tensors": {name: [dtype, shape, first byte in the file, end]}}, or {"refused":
/// sentence}. scripts/compare_safetensors compares that with the official package.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "prophet/error.hpp"
#include "runtime/model/safetensors/safetensors_file.hpp"

namespace {

nlohmann::json verdict(const std::string& path) {
  try {
    const prophet::MappedFile file(path);
    const auto layout = prophet::read_safetensors(file.bytes(), "file");
    auto tensors = nlohmann::json::object();
    for (const auto& entry : layout.tensors) {
      tensors[entry.name] = {prophet::tensor_dtype_name(entry.dtype), entry.shape,
                             layout.data_begin + entry.begin, layout.data_begin + entry.end};
    }
    return {{"tensors", tensors}};
  } catch (const prophet::Error& error) {
    return {{"refused", error.what()}};
  }
}

}  // namespace

int main() {
  std::string path;
  while (std::getline(std::cin, path)) std::cout << verdict(path).dump() << '\n';
  return std::cout.flush() ? 0 : 1;
}
