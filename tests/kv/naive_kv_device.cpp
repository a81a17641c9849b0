// Ends, forks and swaps of the naive model's sequences, and what lies in the pages.
#include <algorithm>
#include <iterator>

#include "tests/kv/naive_kv.hpp"

namespace prophet::testing_support {

void NaiveKv::forked(KvSequenceId id, const std::optional<KvSequenceId>& answer) {
  const bool has_place =
      std::any_of(sequences_.begin(), sequences_.end(), [](const auto& s) { return !s.alive; });
  expect(answer.has_value() == has_place, "a fork needs a place and nothing else");
  if (!answer) return;
  has_plan_ = false;
  expect(!is_alive(*answer), "a new sequence has an id of its own");
  Sequence& child = sequences_[answer->index()] = sequences_[id.index()];
  for (const auto& table : child.tables) {
    for (const std::uint32_t block : table) {
      if (block != none) refer(block);
    }
  }
  if (child.state != none) refer(child.state);
}

void NaiveKv::release_all(Sequence& sequence) {
  for (auto& table : sequence.tables) {
    std::vector<std::uint32_t> blocks;
    std::copy_if(table.rbegin(), table.rend(), std::back_inserter(blocks),
                 [](std::uint32_t block) { return block != none; });
    release(blocks);
  }
  if (sequence.state != none) release({sequence.state});
  sequence.state = none;
}

void NaiveKv::freed(KvSequenceId id) {
  Sequence& sequence = sequences_[id.index()];
  has_plan_ = has_plan_ && sequence.out;  // the host is another matter
  if (!sequence.out) release_all(sequence);
  sequence = {};
}

/// In the order of the tables, each layer's, and the state's last.
std::vector<std::uint32_t> NaiveKv::pages_of(const Sequence& sequence) const {
  std::vector<std::uint32_t> pages;
  const auto add = [&](std::uint32_t block) {
    if (block != none) pages.insert(pages.end(), blocks_[block].pages.begin(), blocks_[block].pages.end());
  };
  for (const auto& table : sequence.tables) std::for_each(table.begin(), table.end(), add);
  add(sequence.state);
  return pages;
}

void NaiveKv::swapped_out(KvSequenceId id, const std::optional<std::span<const KvSwap>>& answer) {
  Sequence& sequence = sequences_[id.index()];
  const std::vector<std::uint32_t> pages = pages_of(sequence);
  std::uint32_t free = real_.host().size();
  for (const Sequence& other : sequences_) free -= other.host_pages;
  expect(answer.has_value() == (pages.size() <= free), "a sequence is swapped out if its pages have slots");
  ++(answer ? events_.swapped_out : events_.not_swapped_out);
  if (!answer) return;
  has_plan_ = false;
  expect(answer->size() == pages.size(), "every page is swapped out");
  for (std::size_t p = 0; p < pages.size(); ++p) {
    expect((*answer)[p].page.value == pages[p], "pages are swapped out in order");
    std::copy_n(device_.begin() + pages[p] * page_tokens_max_, page_tokens_max_,
                host_.begin() + (*answer)[p].slot.value * page_tokens_max_);
  }
  const std::uint32_t state = sequence.state;
  release_all(sequence);
  sequence.state = state;  // that there was one
  sequence.out = true;
  sequence.host_pages = static_cast<std::uint32_t>(pages.size());
}

void NaiveKv::swapped_in(KvSequenceId id, const std::optional<std::span<const KvSwap>>& answer) {
  Sequence& sequence = sequences_[id.index()];
  expect(answer.has_value() == (sequence.host_pages + watermark() <= free_pages()),
         "a sequence is swapped in if there is room");
  ++(answer ? events_.swapped_in : events_.not_swapped_in);
  if (!answer) return;
  has_plan_ = false;
  for (std::size_t g = 0; g < groups(); ++g) {
    for (std::size_t b = 0; b < sequence.tables[g].size(); ++b) {
      std::uint32_t& block = sequence.tables[g][b];
      if (block == none) continue;
      block = real_entry(id, g, b);
      take(static_cast<std::uint32_t>(g), block);
    }
  }
  if (sequence.state != none) {
    sequence.state = real_.state_block(id).value;
    take(static_cast<std::uint32_t>(groups()), sequence.state);
  }
  for (std::size_t g = 0; g < groups(); ++g) name_blocks(sequence, g, 0);
  sequence.out = false;
  sequence.host_pages = 0;
  expect(answer->size() == pages_of(sequence).size(), "every page is swapped in");
  for (const KvSwap& swap : *answer) {
    std::copy_n(host_.begin() + swap.slot.value * page_tokens_max_, page_tokens_max_,
                device_.begin() + swap.page.value * page_tokens_max_);
  }
}

void NaiveKv::forgotten_all() {
  has_plan_ = false;
  for (std::uint32_t b = 0; b < blocks_.size(); ++b) uncache(b, false);
}

void NaiveKv::poison(std::uint32_t page) {
  std::fill_n(device_.begin() + page * page_tokens_max_, page_tokens_max_, 0);
}

void NaiveKv::copy(std::uint32_t from, std::uint32_t to) {
  std::copy_n(device_.begin() + from * page_tokens_max_, page_tokens_max_,
              device_.begin() + to * page_tokens_max_);
}

/// A step computes the tokens from `first_token` on, and the state behind the last.
void NaiveKv::write(KvSequenceId id, std::uint32_t first_token) {
  const Sequence& sequence = sequences_[id.index()];
  for (std::size_t g = 0; g < groups(); ++g) {
    const std::uint32_t size = kind(g).page_tokens;
    for (std::size_t t = first_token; t + 1 < sequence.history.size(); ++t) {
      const Block& block = blocks_[sequence.tables[g][t / size]];
      for (std::uint32_t layer = 0; layer < block.pages.size(); ++layer) {
        device_[block.pages[layer] * page_tokens_max_ + t % size] =
            content(sequence.history[t + 1], static_cast<std::uint32_t>(g), layer);
      }
    }
  }
  if (sequence.state == none) return;
  for (const std::uint32_t page : blocks_[sequence.state].pages) {
    device_[page * page_tokens_max_] = content(sequence.history.back(), 255, 0);
  }
}

void NaiveKv::read_group(const Sequence& sequence, std::size_t group) const {
  const std::uint32_t size = kind(group).page_tokens;
  for (std::size_t t = 0; t + 1 < sequence.history.size(); ++t) {
    if (sequence.tables[group][t / size] == none) continue;
    const Block& block = blocks_[sequence.tables[group][t / size]];
    for (std::uint32_t layer = 0; layer < block.pages.size(); ++layer) {
      expect(device_[block.pages[layer] * page_tokens_max_ + t % size] ==
                 content(sequence.history[t + 1], static_cast<std::uint32_t>(group), layer),
             "a token's KV is where its block table says");
    }
  }
}

void NaiveKv::read(KvSequenceId id) const {
  const Sequence& sequence = sequences_[id.index()];
  if (!sequence.alive || sequence.out) return;
  for (std::size_t g = 0; g < groups(); ++g) read_group(sequence, g);
  if (sequence.state == none) return;
  for (const std::uint32_t page : blocks_[sequence.state].pages) {
    expect(device_[page * page_tokens_max_] == content(sequence.history.back(), 255, 0),
           "a sequence's recurrent state is where it was left");
  }
}

void NaiveKv::compare_sequence(KvSequenceId id) const {
  const Sequence& sequence = sequences_[id.index()];
  expect(real_.is_here(id) == (sequence.alive && !sequence.out), "a sequence is here");
  expect(real_.is_swapped_out(id) == sequence.out, "a sequence is swapped out");
  if (!sequence.alive) return;
  expect(real_.tokens(id) + 1 == sequence.history.size(), "a sequence has its tokens");
  if (sequence.out) return;
  for (std::size_t g = 0; g < groups(); ++g) {
    const auto table = real_.blocks(id, KvGroupId{static_cast<std::uint32_t>(g)});
    expect(std::equal(table.begin(), table.end(), sequence.tables[g].begin(), sequence.tables[g].end(),
                      [](BlockId real, std::uint32_t naive) { return real.value == naive; }),
           "block tables are equal");
  }
  expect(real_.state_block(id).value == sequence.state, "the recurrent state has its block");
}

void NaiveKv::compare_all() const {
  for (std::uint32_t s = 0; s < sequences_.size(); ++s) {
    compare_sequence(KvSequenceId{s});
    read(KvSequenceId{s});
  }
  const BlockPool& pool = real_.pool();
  expect(pool.free_pages() == free_pages(), "free pages are counted");
  expect(pool.evictions() == evictions_, "evictions are counted");
  std::vector<BlockId> queue(queue_.size());
  expect(pool.copy_queue(queue) == queue_.size(), "the queue is as long");
  for (std::size_t i = 0; i < queue.size(); ++i)
    expect(queue[i].value == queue_[i], "the queue has the same order");
  for (std::uint32_t b = 0; b < blocks_.size(); ++b) {
    expect(pool.references(BlockId{b}) == blocks_[b].references, "reference counts are equal");
    expect((pool.prefix(BlockId{b}) != no_prefix) == (blocks_[b].prefix != 0), "the same blocks are cached");
    const auto pages = pool.pages(BlockId{b});
    expect(std::equal(pages.begin(), pages.end(), blocks_[b].pages.begin(), blocks_[b].pages.end(),
                      [](PageId real, std::uint32_t naive) { return real.value == naive; }),
           "blocks have the same pages");
  }
}

}  // namespace prophet::testing_support
