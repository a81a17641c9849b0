#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/model/checkpoint_index.hpp"
#include "runtime/model/safetensors/safetensors_file.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"

namespace {

using prophet::Error;

void require(bool promise) {
  if (!promise) __builtin_trap();
}

/// The input as a whole file: what is accepted covers its bytes, and values can be read.
void read_file(std::span<const std::byte> bytes) {
  const auto layout = prophet::read_safetensors(bytes, "file");
  std::uint64_t end = 0;
  for (const auto& entry : layout.tensors) {
    require(entry.begin == end && entry.end >= entry.begin);
    end = entry.end;
    const auto data = bytes.subspan(layout.data_begin + entry.begin, entry.end - entry.begin);
    if (!prophet::has_readable_values(entry.dtype)) continue;
    std::vector<float> values(data.size() * 8 / prophet::tensor_dtype_bits(entry.dtype));
    prophet::copy_values({entry.name, entry.dtype, entry.shape, data}, values);
  }
  require(layout.data_begin + end == bytes.size());
}

/// The input as a header whose data have the size that it asks for.
void read_header(std::string_view json) {
  auto entries = prophet::parse_safetensors_header(json, "file");
  std::uint64_t end = 0;
  for (const auto& entry : entries) end = std::max(end, entry.end);
  prophet::check_layout(entries, end, "file");
}

void read_index(std::string_view json) {
  const auto index = prophet::parse_checkpoint_index(json, "index");
  for (const auto& entry : index.entries) require(entry.shard < index.shards.size());
  for (const auto& shard : index.shards) require(shard.find('/') == shard.npos);
}

template <class Read, class Input>
void attempt(Read read, Input input) {
  try {
    read(input);
  } catch (const Error& error) {
    require(error.code() == prophet::ErrorCode::bad_input);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  attempt(read_file, std::as_bytes(std::span(data, size)));
  attempt(read_header, text);
  attempt(read_index, text);
  return 0;
}
