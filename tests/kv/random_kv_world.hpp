#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet::testing_support {

/// A small model, arena and host, so that everything runs out often: a handful of slabs of a few pages, one
/// to three groups of unlike layers, with windows and recurrent state now and then, and sometimes a hash that
/// knows only a few values.
struct RandomKvWorld {
  explicit RandomKvWorld(Random& random);

  /// Tokens of a new sequence: the start of one of a few texts, sometimes with other tokens behind.
  [[nodiscard]] std::vector<std::uint32_t> prompt(Random& random) const;
  /// The token behind `tokens` ones of text `text`, seldom another one.
  [[nodiscard]] std::uint32_t next_token(Random& random, std::size_t tokens) const;
  [[nodiscard]] std::string describe() const;

  static constexpr std::uint32_t vocabulary = 4;

  KvGeometry geometry;
  PageGrid grid;
  KvCacheOptions options;
  std::vector<std::vector<std::uint32_t>> texts;
};

}  // namespace prophet::testing_support
