// Blocks and sequences of the naive model.
#include "tests/kv/naive_kv.hpp"

#include <algorithm>
#include <stdexcept>

#include "runtime/base/checked.hpp"

namespace prophet::testing_support {

NaiveKv::NaiveKv(const KvCache& real, std::uint32_t vocabulary, KvEvents& events)
    : real_(real),
      events_(events),
      trie_(vocabulary),
      blocks_(real.pool().blocks_max()),
      sequences_(real.options().sequences_max),
      cached_(real.geometry().groups.size()),
      slabs_(real.pool().page_pool().grid().slabs, SlabState::away),
      owners_(real.pool().page_pool().grid().pages(), none),
      released_(owners_.size()),
      page_tokens_max_(1) {
  for (const KvGroup& group : real.geometry().groups)
    page_tokens_max_ = std::max(page_tokens_max_, group.page_tokens);
  device_.resize(owners_.size() * page_tokens_max_);
  host_.resize(std::size_t{real.host().size()} * page_tokens_max_);
}

void NaiveKv::fail(const std::string& what) const {
  throw std::logic_error("differs from the naive model: " + what);
}

std::uint32_t NaiveKv::block_pages(std::uint32_t group) const {
  return group < groups() ? kind(group).layers : real_.geometry().state_pages();
}

std::uint32_t NaiveKv::loose_pages() const {
  const std::uint32_t per_slab = real_.pool().page_pool().grid().pages_per_slab;
  std::uint32_t loose = 0;
  for (std::size_t s = 0; s < slabs_.size(); ++s) {
    if (slabs_[s] != SlabState::lent) continue;
    for (std::size_t p = s * per_slab; p < (s + 1) * per_slab; ++p) loose += owners_[p] == none ? 1 : 0;
  }
  return loose;
}

std::uint32_t NaiveKv::free_pages() const {
  std::uint32_t free = loose_pages();
  for (const std::uint32_t b : queue_) free += static_cast<std::uint32_t>(blocks_[b].pages.size());
  return free;
}

bool NaiveKv::is_cached(std::size_t group, std::uint32_t prefix) const {
  return prefix < cached_[group].size() && !cached_[group][prefix].empty();
}

std::uint32_t NaiveKv::first_needed(std::size_t group, std::uint32_t tokens) const {
  // The next token is number `tokens`; with a window of w it attends to those from tokens - (w - 1) on.
  const std::uint32_t window = kind(group).window_tokens;
  return window == 0 || tokens + 1 < window ? 0 : (tokens + 1 - window) / kind(group).page_tokens;
}

std::uint32_t NaiveKv::on_device() const {
  std::uint32_t count = 0;
  for (const Sequence& sequence : sequences_) count += sequence.alive && !sequence.out ? 1 : 0;
  return count;
}

std::uint32_t NaiveKv::real_entry(KvSequenceId id, std::size_t group, std::size_t block) const {
  const auto table = real_.blocks(id, KvGroupId{static_cast<std::uint32_t>(group)});
  expect(block < table.size(), "a table is too short");
  return table[block].value;
}

/// `block`, which the real pool has taken, is what it had to take.
void NaiveKv::take(std::uint32_t group, std::uint32_t block) {
  while (loose_pages() < block_pages(group) || (!queue_.empty() && blocks_[queue_.front()].spent)) {
    expect(!queue_.empty(), "a block came from nowhere");
    const std::uint32_t head = queue_.front();
    queue_.erase(queue_.begin());
    blocks_[head].spent = false;
    uncache(head, true);
    if (blocks_[head].pages.size() == block_pages(group)) {
      expect(head == block, "the block at the head of the queue is used first");
      blocks_[head].group = group;
      blocks_[head].references = 1;
      for (const std::uint32_t page : blocks_[head].pages) poison(page);
      return;
    }
    blank_out(head);
  }
  own(block, group);
}

void NaiveKv::own(std::uint32_t block, std::uint32_t group) {
  expect(block < blocks_.size() && blocks_[block].pages.empty(), "loose pages go to a blank block");
  blocks_[block].references = 1;
  blocks_[block].group = group;
  for (const PageId page : real_.pool().pages(BlockId{block})) {
    expect(owners_[page.index()] == none, "a page is given to a block while another has it");
    expect(slabs_[real_.pool().page_pool().grid().slab_of(page).index()] == SlabState::lent,
           "a page is of a slab that is lent and does not leave");
    owners_[page.index()] = block;
    blocks_[block].pages.push_back(page.value);
    poison(page.value);
  }
  expect(blocks_[block].pages.size() == block_pages(group), "a block has a page for each layer");
}

void NaiveKv::blank_out(std::uint32_t block) {
  for (const std::uint32_t page : blocks_[block].pages) owners_[page] = none;
  blocks_[block].pages.clear();
  blocks_[block].spent = false;
}

void NaiveKv::uncache(std::uint32_t block, bool counts) {
  const std::uint32_t prefix = blocks_[block].prefix;
  if (prefix == 0) return;
  auto& twins = cached_[blocks_[block].group][prefix];
  twins.erase(std::find(twins.begin(), twins.end(), block));
  blocks_[block].prefix = 0;
  evictions_ += counts ? 1 : 0;
  events_.evicted += counts ? 1 : 0;
}

void NaiveKv::refer(std::uint32_t block) {
  if (blocks_[block].references++ == 0) queue_.erase(std::find(queue_.begin(), queue_.end(), block));
}

/// In one call: of those that are not cached the first one comes to the head of the queue.
void NaiveKv::release(const std::vector<std::uint32_t>& blocks) {
  std::ptrdiff_t spent = 0;
  for (const std::uint32_t block : blocks) {
    if (--blocks_[block].references > 0) continue;
    blocks_[block].spent = blocks_[block].prefix == 0;
    queue_.insert(blocks_[block].spent ? queue_.begin() + spent++ : queue_.end(), block);
    for (const std::uint32_t page : blocks_[block].pages) released_[page] = begun_;
  }
}

void NaiveKv::cache(std::uint32_t block, std::uint32_t prefix) {
  auto& of_group = cached_[blocks_[block].group];
  if (of_group.size() <= prefix) of_group.resize(prefix + 1);
  of_group[prefix].push_back(block);
  blocks_[block].prefix = prefix;
}

std::vector<std::uint32_t> NaiveKv::history_of(const std::vector<std::uint32_t>& prompt, std::uint32_t key) {
  std::vector<std::uint32_t> history{trie_.child(0, key)};
  for (const std::uint32_t token : prompt) history.push_back(trie_.child(history.back(), token));
  return history;
}

std::uint32_t NaiveKv::shared(const std::vector<std::uint32_t>& prompt, std::uint32_t key) {
  return shared(history_of(prompt, key));
}

/// The longest start, in whole pages of every group and short of the last token, of which each group has all
/// pages that the next token attends to; full groups all.
std::uint32_t NaiveKv::shared(const std::vector<std::uint32_t>& history) const {
  if (!real_.options().prefix_caching) return 0;
  const auto most = static_cast<std::uint32_t>(history.size() - 2);
  for (std::uint32_t tokens = most / page_tokens_max_ * page_tokens_max_; tokens > 0;
       tokens -= page_tokens_max_) {
    bool has_all = true;
    for (std::size_t g = 0; g < groups() && has_all; ++g) {
      // With a window of one token vLLM still wants the page before.
      const std::uint32_t pages = tokens / kind(g).page_tokens;
      for (std::uint32_t b = std::min(first_needed(g, tokens), pages - 1); b < pages && has_all; ++b) {
        has_all = is_cached(g, history[std::size_t{b + 1} * kind(g).page_tokens]);
      }
    }
    if (has_all) return tokens;
  }
  return 0;
}

void NaiveKv::admitted(const std::vector<std::uint32_t>& prompt, std::uint32_t chunk, std::uint32_t key,
                       const std::optional<KvAdmitted>& answer) {
  const std::vector<std::uint32_t> history = history_of(prompt, key);
  const std::uint32_t start = shared(history);
  const auto tokens = std::min(chunk, static_cast<std::uint32_t>(prompt.size()) - start);
  const bool has_place =
      std::any_of(sequences_.begin(), sequences_.end(), [](const auto& s) { return !s.alive; });
  Sequence sequence;
  sequence.alive = true;
  sequence.named = real_.options().prefix_caching;
  sequence.history.assign(history.begin(), history.begin() + start + 1);
  std::uint32_t queued = 0;
  for (std::size_t g = 0; g < groups(); ++g) {
    const std::uint32_t pages = start / kind(g).page_tokens;
    const std::uint32_t first = pages == 0 ? 0 : std::min(first_needed(g, start), pages - 1);
    auto& table = sequence.tables.emplace_back(pages, none);
    for (std::uint32_t b = first; b < pages; ++b) {
      table[b] = cached_[g][history[std::size_t{b + 1} * kind(g).page_tokens]].front();
      queued += blocks_[table[b]].references == 0 ? kind(g).layers : 0;
    }
  }
  const bool fits = queued + pages_wanted(sequence, tokens) + watermark() <= free_pages();
  expect(answer.has_value() == (has_place && fits), "who fits is admitted, and nobody else");
  ++(answer ? events_.admitted : events_.not_admitted);
  if (!answer) return;
  has_plan_ = false;
  expect(answer->shared_tokens == start, "a prompt shares what is cached of it");
  events_.shared_tokens += start;
  expect(!is_alive(answer->sequence), "a new sequence has an id of its own");
  for (const auto& table : sequence.tables) {
    for (const std::uint32_t block : table) {
      if (block != none) refer(block);
    }
  }
  sequences_[answer->sequence.index()] = sequence;
  extend(answer->sequence, {history.begin() + start + 1, history.begin() + start + 1 + tokens},
         sequence.named);
}

void NaiveKv::admitted_unnamed(std::uint32_t tokens, const std::optional<KvAdmitted>& answer) {
  const bool has_place =
      std::any_of(sequences_.begin(), sequences_.end(), [](const auto& s) { return !s.alive; });
  Sequence sequence;
  sequence.alive = true;
  sequence.named = false;
  sequence.history = {trie_.child(0, 0)};
  sequence.tables.resize(groups());
  const bool fits = pages_wanted(sequence, tokens) + watermark() <= free_pages();
  expect(answer.has_value() == (has_place && fits), "who fits is admitted, and nobody else");
  ++(answer ? events_.admitted : events_.not_admitted);
  if (!answer) return;
  has_plan_ = false;
  sequences_[answer->sequence.index()] = sequence;
  std::vector<std::uint32_t> nodes(tokens);
  for (auto& node : nodes) node = trie_.add();
  extend(answer->sequence, nodes, false);
}

std::uint32_t NaiveKv::pages_wanted(const Sequence& sequence, std::uint32_t tokens) const {
  const auto before = static_cast<std::uint32_t>(sequence.history.size() - 1);
  std::uint32_t pages = 0;
  for (std::size_t g = 0; g < groups(); ++g) {
    const std::uint32_t size = kind(g).page_tokens;
    const auto blocks = static_cast<std::uint32_t>(ceil_div(before + tokens, size) - ceil_div(before, size));
    const bool copies = before % size != 0 && must_copy(sequence.tables[g].back());
    pages += (blocks + (copies ? 1 : 0)) * kind(g).layers;
  }
  const bool copies_state = sequence.state != none && must_copy(sequence.state);
  return pages + (copies_state || sequence.state == none ? real_.geometry().state_pages() : 0);
}

std::uint32_t NaiveKv::pages_left(const Sequence& sequence) const {
  std::uint32_t pages = 0;
  for (std::size_t g = 0; g < groups(); ++g) {
    for (std::uint32_t b = 0; b < first_needed(g, static_cast<std::uint32_t>(sequence.history.size() - 1));
         ++b) {
      const std::uint32_t block = sequence.tables[g][b];
      pages += block != none && blocks_[block].references == 1 ? kind(g).layers : 0;
    }
  }
  return pages;
}

std::int64_t NaiveKv::pages_to_append(KvSequenceId id, std::uint32_t tokens) const {
  const Sequence& sequence = sequences_[id.index()];
  return std::int64_t{pages_wanted(sequence, tokens)} - pages_left(sequence);
}

void NaiveKv::leave_window(Sequence& sequence) {
  for (std::size_t g = 0; g < groups(); ++g) {
    std::vector<std::uint32_t> left;
    for (std::uint32_t b = first_needed(g, static_cast<std::uint32_t>(sequence.history.size() - 1));
         b-- > 0;) {
      std::uint32_t& block = sequence.tables[g][b];
      if (block == none) continue;
      left.push_back(block);
      block = none;
      ++events_.left_window;
    }
    release(left);
  }
}

void NaiveKv::window_released(KvSequenceId id) {
  const std::uint64_t before = events_.left_window;
  leave_window(sequences_[id.index()]);
  has_plan_ = has_plan_ && events_.left_window == before;
}

void NaiveKv::appended(KvSequenceId id, const std::vector<std::uint32_t>& tokens, const KvAppended& answer) {
  std::vector<std::uint32_t> nodes;
  std::uint32_t last = sequences_[id.index()].history.back();
  for (const std::uint32_t token : tokens) nodes.push_back(last = trie_.child(last, token));
  grow(id, nodes, true, answer);
}

void NaiveKv::appended_unnamed(KvSequenceId id, std::uint32_t tokens, const KvAppended& answer) {
  std::vector<std::uint32_t> nodes(tokens);
  for (auto& node : nodes) node = trie_.add();
  grow(id, nodes, false, answer);
}

void NaiveKv::grow(KvSequenceId id, const std::vector<std::uint32_t>& nodes, bool named,
                   const KvAppended& answer) {
  Sequence& sequence = sequences_[id.index()];
  const auto wanted = pages_wanted(sequence, static_cast<std::uint32_t>(nodes.size()));
  expect(answer.done == (wanted <= free_pages() + pages_left(sequence)), "a sequence grows if there is room");
  ++(answer.done ? events_.grown : events_.not_grown);
  if (!answer.done) return;
  has_plan_ = false;
  leave_window(sequence);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> copied;  // blocks
  const auto replace = [&](std::uint32_t& block, std::uint32_t group, std::uint32_t by) {
    take(group, by);
    copied.emplace_back(block, by);
    ++events_.copied_blocks;
    release({block});
    block = by;
  };
  const std::size_t before = sequence.history.size() - 1;
  for (std::size_t g = 0; g < groups(); ++g) {
    if (before % kind(g).page_tokens == 0 || !must_copy(sequence.tables[g].back())) continue;
    replace(sequence.tables[g].back(), static_cast<std::uint32_t>(g),
            real_entry(id, g, sequence.tables[g].size() - 1));
  }
  if (sequence.state != none && must_copy(sequence.state)) {
    replace(sequence.state, static_cast<std::uint32_t>(groups()), real_.state_block(id).value);
  }
  std::size_t at = 0;
  for (const auto& [from, to] : copied) {
    for (std::size_t p = 0; p < blocks_[from].pages.size(); ++p, ++at) {
      const PageCopy wanted_copy{PageId{blocks_[from].pages[p]}, PageId{blocks_[to].pages[p]}};
      expect(at < answer.copies.size() && answer.copies[at] == wanted_copy,
             "who writes a shared block copies it");
      copy(wanted_copy.from.value, wanted_copy.to.value);
    }
  }
  expect(at == answer.copies.size(), "only shared blocks that are written are copied");
  extend(id, nodes, named);
}

void NaiveKv::extend(KvSequenceId id, const std::vector<std::uint32_t>& nodes, bool named) {
  Sequence& sequence = sequences_[id.index()];
  const std::size_t before = sequence.history.size() - 1;
  sequence.history.insert(sequence.history.end(), nodes.begin(), nodes.end());
  for (std::size_t g = 0; g < groups(); ++g) {
    auto& table = sequence.tables[g];
    while (table.size() * kind(g).page_tokens < before + nodes.size()) {
      const std::uint32_t block = real_entry(id, g, table.size());
      take(static_cast<std::uint32_t>(g), block);
      table.push_back(block);
    }
  }
  if (real_.geometry().state_bytes > 0 && sequence.state == none) {
    sequence.state = real_.state_block(id).value;
    take(static_cast<std::uint32_t>(groups()), sequence.state);
  }
  sequence.named = sequence.named && (named || nodes.empty());
  for (std::size_t g = 0; g < groups(); ++g) name_blocks(sequence, g, static_cast<std::uint32_t>(before));
  write(id, static_cast<std::uint32_t>(before));
}

/// Full blocks whose last token is number `first_token` or a later one are cached.
void NaiveKv::name_blocks(Sequence& sequence, std::size_t group, std::uint32_t first_token) {
  if (!sequence.named) return;
  const std::uint32_t size = kind(group).page_tokens;
  for (std::size_t end = size; end < sequence.history.size(); end += size) {
    const std::uint32_t block = sequence.tables[group][end / size - 1];
    if (end > first_token && block != none) cache(block, sequence.history[end]);
  }
}

}  // namespace prophet::testing_support
