#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace prophet::testing {

/// What transformers computed of one prompt; see tests/live/README.md. Row-major.
struct DecodedPrompt {
  std::vector<std::uint32_t> ids;           ///< [tokens]
  std::vector<float> logits;                ///< [tokens, vocab], each off by at most 2^-17 of itself
  std::vector<std::uint32_t> expert_ids;    ///< [sparse layers, tokens, top_k], largest weight first
  std::vector<float> expert_weights;        ///< [sparse layers, tokens, top_k], off by at most 2^-17
  std::vector<std::uint32_t> continuation;  ///< [new tokens], greedy
};

struct DecoderFixture {
  std::string model;                         ///< name of the checkpoint's folder
  std::uint32_t layers = 0;                  ///< of the model, dense ones included
  std::vector<std::uint32_t> sparse_layers;  ///< those that route, ascending
  std::uint32_t experts = 0;                 ///< of a sparse layer
  std::uint32_t top_k = 0;
  std::uint32_t vocab = 0;
  std::vector<DecodedPrompt> prompts;  ///< all of the same length

  [[nodiscard]] std::uint32_t prompt_tokens() const noexcept {
    return prompts.empty() ? 0 : static_cast<std::uint32_t>(prompts.front().ids.size());
  }
  [[nodiscard]] std::span<const float> logits(std::size_t prompt, std::size_t token) const;
  /// `sparse_layer` counts the layers that route: it is an index of `sparse_layers`.
  [[nodiscard]] std::span<const std::uint32_t> expert_ids(std::size_t prompt, std::size_t sparse_layer,
                                                          std::size_t token) const;
  [[nodiscard]] std::span<const float> expert_weights(std::size_t prompt, std::size_t sparse_layer,
                                                      std::size_t token) const;
};

/// tests/live of the source tree: models/NAME and fixtures/NAME.
[[nodiscard]] std::filesystem::path live_folder();
/// The checkpoint that a fixture is of: "sample" is data/sample_model, all others lie in tests/live/models.
[[nodiscard]] std::filesystem::path live_model(const std::string& fixture);

/// Reads manifest.json and arrays.bin of a folder that scripts/make_decoder_fixtures.py made. Throws
/// std::runtime_error with the file and what was expected, if they are not there or do not fit each other.
[[nodiscard]] DecoderFixture load_decoder_fixture(const std::filesystem::path& folder);

/// The largest difference over the largest expected magnitude; infinite if sizes differ or a value is NaN.
[[nodiscard]] double relative_difference(std::span<const float> got, std::span<const float> expected);

}  // namespace prophet::testing
