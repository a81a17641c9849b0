#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/model/json_events.hpp"
#include "runtime/model/safetensors/header.hpp"

namespace prophet {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", where, why));
}

std::string tensor_in(const std::string& where, const TensorEntry& entry) {
  return fmt::format("'{}': tensor {}", where, quoted_name(entry.name));
}

void check_names(const std::vector<TensorEntry>& entries, const std::string& where) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const auto& entry : entries) names.emplace_back(entry.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    refuse(where,
           fmt::format("header names the tensor {} twice; expected names that differ", quoted_name(*twice)));
  }
}

std::uint64_t bytes_of(const TensorEntry& entry, const std::string& where) {
  const auto what = tensor_in(where, entry) + " size";
  std::uint64_t elements = 1;
  for (const auto dimension : entry.shape) elements = checked_mul(elements, dimension, what);
  const auto bits = checked_mul(elements, tensor_dtype_bits(entry.dtype), what);
  if (bits % 8 != 0) {
    refuse(where, fmt::format("tensor {} of {} elements of {} ends within a byte; expected whole bytes",
                              quoted_name(entry.name), elements, tensor_dtype_name(entry.dtype)));
  }
  return bits / 8;
}

void check_entry(const TensorEntry& entry, std::uint64_t begin, const std::string& where) {
  if (entry.begin != begin || entry.end < entry.begin) {
    refuse(where,
           fmt::format("tensor {} has the bytes from {} to {}; expected them to begin at {}, where the "
                       "tensors before it end",
                       quoted_name(entry.name), entry.begin, entry.end, begin));
  }
  const auto bytes = bytes_of(entry, where);
  if (entry.end - entry.begin != bytes) {
    refuse(where, fmt::format("tensor {} has {} bytes; expected {} by its shape and dtype",
                              quoted_name(entry.name), entry.end - entry.begin, bytes));
  }
}

}  // namespace

void check_layout(std::vector<TensorEntry>& entries, std::uint64_t data_bytes, const std::string& where) {
  check_names(entries, where);
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t begin = 0;
  for (const auto& entry : entries) {
    check_entry(entry, begin, where);
    begin = entry.end;
  }
  if (begin != data_bytes) {
    refuse(where, fmt::format("{} bytes follow the header; expected the {} bytes of its tensors", data_bytes,
                              begin));
  }
}

}  // namespace prophet
