#include "tests/trace/trace_samples.hpp"

#include <lzma.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <numeric>
#include <random>
#include <stdexcept>

#include "runtime/trace/check_trace.hpp"
#include "runtime/trace/frames.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet::testing {
namespace {

std::vector<SequenceInfo> random_sequences(Random& random, std::uint64_t tokens) {
  std::vector<SequenceInfo> sequences;
  std::uint64_t at = 0;
  while (at < tokens) {
    if (random.chance(0.2)) at += random.below(3);
    if (at >= tokens) break;
    const auto length =
        static_cast<std::uint32_t>(1 + random.below(std::min<std::uint64_t>(tokens - at, 50)));
    const auto prefill = static_cast<std::uint32_t>(random.below(length + 1));
    sequences.push_back({at, length, prefill, static_cast<std::uint32_t>(random.below(16))});
    at += length;
  }
  if (sequences.empty()) sequences.push_back({0, 1, 0, 0});
  return sequences;
}

float random_weight(Random& random, SampleWeights kind) {
  const auto value = static_cast<float>(random.uniform());
  return kind == SampleWeights::bf16 ? bf16_to_float(float_to_bf16(value)) : value;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "prophet_trace_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::size_t TemporaryFolder::entries() const {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
}

std::uint64_t announced_seed() {
  const char* asked = std::getenv("PROPHET_SEED");
  const std::uint64_t seed = asked != nullptr ? std::strtoull(asked, nullptr, 10) : std::random_device{}();
  std::cout << "repeat with PROPHET_SEED=" << seed << std::endl;
  return seed;
}

RoutingTrace random_trace(Random& random, std::uint32_t experts, SampleWeights weights,
                          std::uint32_t tokens_max) {
  TraceShape shape;
  shape.grid = {static_cast<std::uint32_t>(1 + random.below(5)), experts};
  shape.top_k = static_cast<std::uint32_t>(1 + random.below(std::min<std::uint64_t>(experts, 9)));
  shape.first_layer_id = static_cast<std::uint32_t>(random.below(4));
  shape.layer_stride = static_cast<std::uint32_t>(1 + random.below(3));
  const auto tokens = 1 + random.below(tokens_max);
  std::vector<std::uint32_t> order(experts);
  std::iota(order.begin(), order.end(), 0U);
  std::vector<std::byte> ids;
  std::vector<float> values;
  for (std::uint64_t group = 0; group < tokens * shape.grid.layers; ++group) {
    for (std::uint32_t rank = 0; rank < shape.top_k; ++rank) {
      std::swap(order[rank], order[rank + random.below(experts - rank)]);
      put_le(ids, static_cast<std::uint16_t>(order[rank]));
      if (experts <= 256) ids.pop_back();
      if (weights != SampleWeights::none) values.push_back(random_weight(random, weights));
    }
  }
  return RoutingTrace(shape, {"a model", "drawn", "CC0-1.0", "caf\u00e9", random.chance(0.5)},
                      random_sequences(random, tokens), std::move(ids), std::move(values));
}

RoutingTrace small_trace(bool weights) {
  std::vector<std::byte> ids;
  for (unsigned at = 0; at < 12; ++at) {
    ids.push_back(std::byte(at % 8));
    ids.push_back(std::byte((at + 3) % 8));
  }
  std::vector<float> values(weights ? ids.size() : 0, 0.5F);
  return RoutingTrace({{2, 8}, 2, 0, 1}, {"m", "s", "l", "", false}, {{0, 2, 1, 0}, {3, 3, 0, 2}},
                      std::move(ids), std::move(values));
}

std::vector<std::byte> file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::byte> zstd_packed(std::span<const std::byte> raw) {
  std::vector<std::byte> packed(ZSTD_compressBound(raw.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), 3));
  return packed;
}

std::vector<std::byte> xz_packed(std::span<const std::byte> raw, std::uint32_t dictionary_bytes) {
  lzma_options_lzma options{};
  lzma_lzma_preset(&options, 0);
  options.dict_size = dictionary_bytes;
  lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  std::vector<std::byte> packed(lzma_stream_buffer_bound(raw.size()));
  std::size_t used = 0;
  const auto status = lzma_stream_buffer_encode(
      filters, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size(),
      reinterpret_cast<std::uint8_t*>(packed.data()), &used, packed.size());
  if (status != LZMA_OK) throw std::runtime_error("liblzma refuses to pack");
  packed.resize(used);
  return packed;
}

std::vector<std::byte> frame_bytes(std::uint64_t index, std::span<const std::byte> payload) {
  std::vector<std::byte> bytes;
  put_le(bytes, static_cast<std::uint32_t>(payload.size()));
  put_le(bytes, frame_crc64(index, payload));
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

std::vector<std::byte> ptrace_bytes(PtraceHeader header, std::span<const std::byte> data,
                                    std::span<const std::byte> table) {
  const auto data_frame = frame_bytes(0, zstd_packed(data));
  const auto table_frame = frame_bytes(0, zstd_packed(table));
  header.data_stored_bytes = data_frame.size();
  header.table_stored_bytes = table_frame.size();
  auto bytes = encode_ptrace_header(header);
  bytes.insert(bytes.end(), data_frame.begin(), data_frame.end());
  bytes.insert(bytes.end(), table_frame.begin(), table_frame.end());
  return bytes;
}

std::vector<std::byte> sealed(std::vector<std::byte> ptrace) {
  const auto all = std::span<const std::byte>(ptrace);
  const auto text = all.subspan(ptrace_fixed_bytes, get_le<std::uint32_t>(all, 12));
  return patched(std::move(ptrace), ptrace_crc_offset, crc64(text, crc64(all.first(ptrace_crc_offset))));
}

std::vector<std::byte> small_mrt1(bool weights) {
  const auto trace = small_trace(weights);
  std::vector<std::byte> bytes;
  for (const char letter : {'M', 'R', 'T', '1'}) bytes.push_back(static_cast<std::byte>(letter));
  for (const std::uint32_t field : {1U, 2U, 8U, 2U, 2U, 6U, weights ? 1U : 0U, 0U, 1U, 0U, 0U})
    put_le(bytes, field);
  for (const std::uint32_t field : {0U, 2U, 1U, 0U, 3U, 3U, 0U, 2U}) put_le(bytes, field);
  bytes.insert(bytes.end(), trace.id_storage().begin(), trace.id_storage().end());
  for (std::size_t at = 0; at < trace.weight_storage().size(); ++at) put_le(bytes, std::uint16_t{0x3f00});
  return bytes;
}

}  // namespace prophet::testing
