#include "tests/support/safetensors_writer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

namespace prophet::testing {
namespace {

std::string header_entry(const WrittenTensor& tensor, std::size_t begin) {
  return fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                     nlohmann::json(tensor.name).dump(), tensor_dtype_name(tensor.dtype),
                     fmt::join(tensor.shape, ","), begin, begin + tensor.data.size());
}

}  // namespace

std::string safetensors_bytes(std::string_view header, std::string_view data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((header.size() >> (8 * i)) & 0xffU);
  return bytes.append(header).append(data);
}

std::string safetensors_bytes(std::span<const WrittenTensor> tensors,
                              std::span<const std::size_t> header_order, std::size_t padding) {
  std::vector<std::string> entries;
  std::string data;
  for (const auto& tensor : tensors) {
    entries.push_back(header_entry(tensor, data.size()));
    data.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  }
  std::vector<std::size_t> order(header_order.begin(), header_order.end());
  if (order.empty()) {
    order.resize(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
  }
  std::string header = "{";
  for (const auto index : order) header += (header.size() > 1 ? "," : "") + entries[index];
  return safetensors_bytes(header + "}" + std::string(padding, ' '), data);
}

void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace prophet::testing
