#include "tests/support/decoder_fixture.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

namespace prophet::testing {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& sentence) {
  throw std::runtime_error(file.string() + ": " + sentence);
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) refuse(file, "cannot be read, expected a file of scripts/make_decoder_fixtures.py");
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// One array of arrays.bin.
struct Array {
  std::vector<std::size_t> shape;
  std::string encoding;
  std::string bytes;

  [[nodiscard]] std::size_t values() const {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
  }
  [[nodiscard]] std::size_t value_bytes() const { return bytes.size() / std::max<std::size_t>(values(), 1); }
  /// Little-endian, as an unsigned number.
  [[nodiscard]] std::uint32_t at(std::size_t index) const {
    std::uint32_t number = 0;
    for (std::size_t i = value_bytes(); i-- > 0;)
      number = number << 8 | static_cast<unsigned char>(bytes[index * value_bytes() + i]);
    return number;
  }
};

std::size_t bytes_of_encoding(const std::string& encoding) {
  return encoding == "u8" ? 1 : encoding == "u16" ? 2 : encoding == "f24" ? 3 : 0;
}

class Arrays {
 public:
  explicit Arrays(const std::filesystem::path& folder)
      : file_(folder / "arrays.bin"), data_(bytes_of(file_)), manifest_(read(folder / "manifest.json")) {}

  [[nodiscard]] const json& manifest() const { return manifest_; }

  [[nodiscard]] Array named(const char* name, const char* encoding,
                            const std::vector<std::size_t>& shape) const {
    const json& place = manifest_.at("arrays").at(name);
    Array array{place.at("shape").get<std::vector<std::size_t>>(), place.at("encoding"), {}};
    if (array.shape != shape) refuse(file_, std::string("the shape of ") + name + " does not fit the others");
    if (array.encoding != encoding) refuse(file_, std::string("expected ") + name + " as " + encoding);
    const std::size_t bytes = array.values() * bytes_of_encoding(array.encoding);
    const std::size_t offset = place.at("offset_bytes");
    if (place.at("bytes") != bytes || offset > data_.size() || bytes > data_.size() - offset)
      refuse(file_, std::string("has ") + std::to_string(data_.size()) + " bytes, too few for " + name);
    array.bytes = data_.substr(offset, bytes);
    return array;
  }

  [[nodiscard]] std::vector<std::size_t> shape(const char* name) const {
    return manifest_.at("arrays").at(name).at("shape");
  }

 private:
  static json read(const std::filesystem::path& file) {
    json manifest = json::parse(bytes_of(file));
    if (manifest.at("format") != "prophet decoder fixture" || manifest.at("version") != 1)
      refuse(file, "is not a decoder fixture of version 1");
    return manifest;
  }

  std::filesystem::path file_;
  std::string data_;
  json manifest_;
};

/// Part `part` of the `parts` equal ones that the first dimension cuts the array into.
std::vector<std::uint32_t> numbers_of(const Array& array, std::size_t part) {
  std::vector<std::uint32_t> numbers(array.values() / array.shape.front());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = array.at(part * numbers.size() + i);
  return numbers;
}

/// An f24 is the upper three bytes of an fp32.
std::vector<float> floats_of(const Array& array, std::size_t part) {
  const std::vector<std::uint32_t> numbers = numbers_of(array, part);
  std::vector<float> floats(numbers.size());
  std::ranges::transform(numbers, floats.begin(),
                         [](std::uint32_t n) { return std::bit_cast<float>(n << 8); });
  return floats;
}

template <class T>
std::span<const T> row(const std::vector<T>& values, std::size_t index, std::size_t width) {
  if (width == 0 || index >= values.size() / width)
    throw std::runtime_error("row " + std::to_string(index) + " of a decoder fixture: there are fewer");
  return std::span(values).subspan(index * width, width);
}

}  // namespace

std::span<const float> DecoderFixture::logits(std::size_t prompt, std::size_t token) const {
  return row(prompts.at(prompt).logits, token, vocab);
}

std::span<const std::uint32_t> DecoderFixture::expert_ids(std::size_t prompt, std::size_t sparse_layer,
                                                          std::size_t token) const {
  return row(prompts.at(prompt).expert_ids, sparse_layer * prompt_tokens() + token, top_k);
}

std::span<const float> DecoderFixture::expert_weights(std::size_t prompt, std::size_t sparse_layer,
                                                      std::size_t token) const {
  return row(prompts.at(prompt).expert_weights, sparse_layer * prompt_tokens() + token, top_k);
}

std::filesystem::path live_folder() {
  return std::filesystem::path(PROPHET_SOURCE_DIR) / "tests/live";
}

std::filesystem::path live_model(const std::string& fixture) {
  if (fixture == "sample") return std::filesystem::path(PROPHET_SOURCE_DIR) / "data/sample_model";
  return live_folder() / "models" / fixture;
}

DecoderFixture load_decoder_fixture(const std::filesystem::path& folder) try {
  const Arrays arrays(folder);
  const json& model = arrays.manifest().at("model");
  DecoderFixture fixture{model.at("name"),
                         model.at("layers"),
                         arrays.manifest().at("sparse_layers"),
                         model.at("experts"),
                         model.at("top_k"),
                         model.at("vocab"),
                         {}};
  const std::size_t count = arrays.shape("prompts").at(0);
  const std::size_t tokens = arrays.shape("prompts").at(1);
  const std::size_t sparse = fixture.sparse_layers.size();
  const Array ids = arrays.named("prompts", "u16", {count, tokens});
  const Array continuations =
      arrays.named("continuations", "u16", {count, arrays.shape("continuations").at(1)});
  const Array experts = arrays.named("expert_ids", "u8", {count, sparse, tokens, fixture.top_k});
  const Array weights = arrays.named("expert_weights", "f24", {count, sparse, tokens, fixture.top_k});
  const Array logits = arrays.named("logits", "f24", {count, tokens, fixture.vocab});
  for (std::size_t p = 0; p < count; ++p)
    fixture.prompts.push_back({numbers_of(ids, p), floats_of(logits, p), numbers_of(experts, p),
                               floats_of(weights, p), numbers_of(continuations, p)});
  return fixture;
} catch (const json::exception& error) {
  refuse(folder / "manifest.json", error.what());
}

double relative_difference(std::span<const float> got, std::span<const float> expected) {
  if (got.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, d);
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
  }
  return difference == 0 ? 0 : difference / largest;
}

}  // namespace prophet::testing
