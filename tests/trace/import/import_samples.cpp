#include "tests/trace/import/import_samples.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zip.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <stdexcept>

namespace prophet::testing {

std::string npy_with_header(const std::string& dictionary, const std::string& data, char major) {
  std::string text = "\x93NUMPY";
  text +=
      {major, '\0', static_cast<char>(dictionary.size() & 0xFFU), static_cast<char>(dictionary.size() >> 8)};
  if (major > 1) text += std::string(2, '\0');
  return text + dictionary + data;
}

std::string zip_of(const ZipEntries& entries, bool deflated) {
  const auto path =
      std::filesystem::path(::testing::TempDir()) / ("prophet_zip_" + std::to_string(::getpid()) + ".npz");
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (archive == nullptr) throw std::runtime_error("no archive at " + path.string());
  for (const auto& [name, content] : entries) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const auto index = static_cast<zip_uint64_t>(zip_file_add(archive, name.c_str(), source, 0));
    zip_set_file_compression(archive, index, deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  if (zip_close(archive) != 0) throw std::runtime_error("archive not written");
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  return bytes;
}

std::uint64_t run_seed() {
  const char* given = std::getenv("PROPHET_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "PROPHET_SEED=" << seed << '\n';
  return seed;
}

RoutingTrace random_trace(Random& random, bool with_weights) {
  TraceShape shape;
  shape.grid = {static_cast<std::uint32_t>(1 + random.below(5)),
                static_cast<std::uint32_t>(8 + random.below(600))};
  shape.top_k = static_cast<std::uint32_t>(1 + random.below(8));
  shape.first_layer_id = static_cast<std::uint32_t>(random.below(4));
  shape.layer_stride = static_cast<std::uint32_t>(1 + random.below(2));
  const TraceProvenance provenance{"model \"x\"", "source\nof two lines", "MIT", "n\xC3\xB6te",
                                   random.chance(0.5)};
  std::vector<SequenceInfo> sequences;
  std::uint64_t tokens = 0;
  for (std::uint64_t left = 1 + random.below(6); left > 0; --left) {
    SequenceInfo sequence;
    sequence.first_token = tokens;
    sequence.tokens = static_cast<std::uint32_t>(1 + random.below(30));
    sequence.prefill_tokens = static_cast<std::uint32_t>(random.below(sequence.tokens + 1));
    sequence.flags = static_cast<std::uint32_t>(random.below(16));
    tokens += sequence.tokens;
    sequences.push_back(sequence);
  }
  std::vector<std::byte> ids;
  std::vector<float> weights;
  for (std::uint64_t row = 0; row < tokens * shape.grid.layers; ++row) {
    const std::uint64_t first = random.below(shape.grid.experts);
    for (std::uint32_t rank = 0; rank < shape.top_k; ++rank) {
      const std::uint64_t id = (first + rank) % shape.grid.experts;
      ids.push_back(static_cast<std::byte>(id & 0xFF));
      if (shape.grid.experts > 256) ids.push_back(static_cast<std::byte>(id >> 8));
      if (with_weights) weights.push_back(static_cast<float>(random.uniform() * 3 - 1));
    }
  }
  return RoutingTrace(shape, provenance, std::move(sequences), std::move(ids), std::move(weights));
}

}  // namespace prophet::testing
