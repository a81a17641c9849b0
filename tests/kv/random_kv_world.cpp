#include "tests/kv/random_kv_world.hpp"

#include <algorithm>
#include <sstream>

namespace prophet::testing_support {
namespace {

std::uint64_t hash_of_few_values(std::uint64_t parent, std::span<const std::uint32_t> tokens,
                                 std::uint64_t extra_key) noexcept {
  return hash_page(parent, tokens, extra_key) & 3;
}

std::uint32_t between(Random& random, std::uint32_t least, std::uint32_t most) {
  return least + static_cast<std::uint32_t>(random.below(most - least + 1));
}

KvGroup random_group(Random& random) {
  KvGroup group;
  group.layers = between(random, 1, 3);
  group.page_tokens = 1U << random.below(3);
  group.token_bytes = 64 / group.page_tokens;
  group.window_tokens = random.chance(0.3) ? between(random, 1, 9) : 0;
  return group;
}

}  // namespace

RandomKvWorld::RandomKvWorld(Random& random) {
  for (std::uint64_t groups = 1 + random.below(3) / 2 + random.below(2); groups-- > 0;) {
    geometry.groups.push_back(random_group(random));
  }
  geometry.page_bytes = 64;
  geometry.state_bytes = random.chance(0.15) ? 64 * between(random, 1, 3) : 0;
  grid = PageGrid::plan(64 * std::uint64_t{between(random, 3, 14)}, between(random, 3, 8), 64);
  options.sequences_max = between(random, 2, 7);
  options.context_tokens_max = between(random, 8, 40);
  options.host_slots = random.chance(0.3) ? 0 : between(random, 8, 80);
  options.watermark_pages = random.chance(0.5) ? 0 : between(random, 1, 8);
  options.prefix_caching = random.chance(0.95);
  options.hash = random.chance(0.3) ? hash_of_few_values : hash_page;
  // Whatever anybody refers to fits: the model knows nothing of full trees.
  options.prefixes_max = (options.sequences_max + grid.pages()) * (options.context_tokens_max + 1);
  texts.resize(between(random, 1, 3));
  for (auto& text : texts) {
    text.resize(options.context_tokens_max);
    for (auto& token : text) token = static_cast<std::uint32_t>(random.below(vocabulary));
  }
}

std::vector<std::uint32_t> RandomKvWorld::prompt(Random& random) const {
  const auto& text = texts[random.below(texts.size())];
  const std::uint32_t most =
      random.chance(0.7) ? std::min(12U, options.context_tokens_max) : options.context_tokens_max;
  std::vector<std::uint32_t> tokens(text.begin(), text.begin() + between(random, 1, most));
  if (random.chance(0.2)) tokens[random.below(tokens.size())] ^= 1;
  return tokens;
}

std::uint32_t RandomKvWorld::next_token(Random& random, std::size_t tokens) const {
  const auto& text = texts.front();
  return text[tokens % text.size()] ^ (random.chance(0.1) ? 1 : 0);
}

std::string RandomKvWorld::describe() const {
  std::ostringstream text;
  for (const KvGroup& group : geometry.groups) {
    text << group.layers << " layers of " << group.page_tokens << " tokens, window " << group.window_tokens
         << "; ";
  }
  text << "state pages " << geometry.state_pages() << "; " << grid.slabs << " slabs of "
       << grid.pages_per_slab << " pages; sequences " << options.sequences_max << ", context "
       << options.context_tokens_max << ", host " << options.host_slots << ", watermark "
       << options.watermark_pages << ", caching " << options.prefix_caching;
  return text.str();
}

}  // namespace prophet::testing_support
