// Sequences come, grow, fork, are swapped and go, slabs come and go, experts are read and prefetched, steps
// are half submitted while all this happens, and the device refuses calls: every page that a step reads holds
// what was written there last.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/base/random.hpp"
#include "tests/engine/kv_tenant_suite.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::engine_test {
namespace {

constexpr std::uint32_t unwritten = ~std::uint32_t{0};
using Layers = std::vector<std::uint32_t>;          ///< [layers] pattern of each page of a block
using Table = std::vector<BlockId>;                 ///< of one sequence and group
using Contents = std::vector<std::vector<Layers>>;  ///< [groups, entries] of a sequence that is swapped out

/// What the pages hold is known by blocks and sequences, never by pages: where they lie is the tenant's
/// affair.
class RandomTenants {
 public:
  RandomTenants(std::unique_ptr<Device> device, Random& random, bool refuses)
      : random_(random),
        world_(std::move(device), 4 + static_cast<std::uint32_t>(random.below(6))),
        refuses_(refuses) {}

  void act() {
    switch (random_.below(16)) {
      case 0:
        return admit();
      case 1:
      case 2:
      case 3:
        return append();
      case 4:
        return fork();
      case 5:
        return free();
      case 6:
        return swap_out();
      case 7:
        return swap_in();
      case 8:
        return lend();
      case 9:
      case 10:
        return reclaim();
      case 11:
        refusing([&] { world_.tenant.pump(); });
        return;
      case 12:
        return use_experts();
      case 13:
        return is_running_ ? submit_some() : begin_step();
      default:
        return is_running_ ? end_step() : begin_step();
    }
  }

  /// The two tenants part, and both find their bytes.
  void end() {
    if (is_running_) end_step();
    begin_step();
    end_step();
    while (!here_.empty() || !swapped_.empty()) free();
    while (!lent_.empty()) {
      const KvReclaimed reclaimed = world_.tenant.reclaim(SlabId{*lent_.begin()});
      if (reclaimed == KvReclaimed::taken_back) lent_.erase(lent_.begin());
      world_.pump_all();
    }
    world_.pump_all();
    EXPECT_EQ(world_.cache.lent_slabs(), 0U);
    for (int i = 0; i < 4; ++i) use_experts();
    world_.settle();
  }
  [[nodiscard]] std::uint64_t verified() const noexcept { return verified_; }
  [[nodiscard]] std::uint64_t moved_slabs() const noexcept { return moved_slabs_; }

 private:
  struct Entry {
    KvSequenceId sequence;
    std::size_t group;
    std::size_t block;
    friend bool operator<(const Entry& a, const Entry& b) {
      return std::tie(a.sequence.value, a.group, a.block) < std::tie(b.sequence.value, b.group, b.block);
    }
  };
  struct Kernel {
    BufferView page;
    std::uint32_t pattern;
    bool writes;
  };

  KvCache& kv() { return world_.kv; }
  std::size_t groups() { return kv().geometry().groups.size(); }
  Table table(KvSequenceId sequence, std::size_t group) {
    const auto blocks = kv().blocks(sequence, KvGroupId{static_cast<std::uint32_t>(group)});
    return {blocks.begin(), blocks.end()};
  }
  Layers& contents(BlockId block) {
    Layers& layers = contents_[block.value];
    layers.resize(kv().pool().pages(block).size(), unwritten);
    return layers;
  }
  template <class Sequences>
  typename Sequences::value_type drawn(const Sequences& sequences) {
    return *std::next(sequences.begin(), static_cast<std::ptrdiff_t>(random_.below(sequences.size())));
  }
  std::vector<std::uint32_t> text(std::uint32_t from, std::uint32_t count) {
    std::vector<std::uint32_t> tokens(count);
    for (std::uint32_t i = 0; i < count; ++i) tokens[i] = random_.chance(0.05) ? 999 : from + i;
    return tokens;
  }

  /// Runs `act` on a device that may refuse one of its calls. False when it has thrown.
  template <class Act>
  bool refusing(Act&& act) {
    if (refuses_ && random_.chance(0.3)) world_.device.refuse_after(random_.below(8), 1 + random_.below(3));
    bool done = true;
    try {
      act();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory) throw;
      done = false;
    }
    world_.device.relent();
    return done;
  }

  /// Blocks that the sequence has not had before hold nothing yet.
  void note_new(KvSequenceId sequence, std::uint32_t old_tokens) {
    const std::uint32_t page_tokens = TenantWorld::page_tokens;
    for (std::size_t g = 0; g < groups(); ++g) {
      const Table blocks = table(sequence, g);
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        if (blocks[b] == no_block) continue;
        if (b * page_tokens >= old_tokens) contents_.erase(blocks[b].value);
        if ((b + 1) * page_tokens > old_tokens) to_write_.insert({sequence, g, b});
      }
    }
  }
  void admit() {
    const auto prompt = text(100 * static_cast<std::uint32_t>(random_.below(2)),
                             1 + static_cast<std::uint32_t>(random_.below(20)));
    const auto admitted = kv().admit(prompt);
    if (!admitted) return;
    here_.insert(admitted->sequence.value);
    note_new(admitted->sequence, admitted->shared_tokens);
  }
  void append() {
    if (here_.empty()) return;
    const KvSequenceId sequence{drawn(here_)};
    const std::uint32_t before = kv().tokens(sequence);
    const auto count = std::min(1 + static_cast<std::uint32_t>(random_.below(6)),
                                kv().options().context_tokens_max - before);
    if (count == 0) return;
    std::vector<Table> old;
    for (std::size_t g = 0; g < groups(); ++g) old.push_back(table(sequence, g));
    const KvAppended appended = kv().append(sequence, text(before, count));
    if (!appended) return;
    EXPECT_TRUE(refusing([&] { world_.tenant.copy(appended.copies); }));
    for (std::size_t g = 0; g < groups(); ++g) {
      const Table now = table(sequence, g);
      for (std::size_t b = 0; b < old[g].size(); ++b) {
        if (now[b] != no_block && now[b] != old[g][b]) contents_[now[b].value] = contents(old[g][b]);
      }
    }
    note_new(sequence, before);
  }
  void fork() {
    if (here_.empty()) return;
    if (const auto second = kv().fork(KvSequenceId{drawn(here_)})) here_.insert(second->value);
  }
  void forget(KvSequenceId sequence) {
    for (auto entry = to_write_.begin(); entry != to_write_.end();)
      entry = entry->sequence == sequence ? to_write_.erase(entry) : std::next(entry);
  }
  void free() {
    if (here_.empty() && swapped_.empty()) return;
    const std::uint64_t drawn_one = random_.below(here_.size() + swapped_.size());
    const bool here = drawn_one < here_.size();
    const KvSequenceId sequence{here ? *std::next(here_.begin(), static_cast<std::ptrdiff_t>(drawn_one))
                                     : swapped_.begin()->first};
    kv().free(sequence);
    forget(sequence);
    here_.erase(sequence.value);
    swapped_.erase(sequence.value);
  }
  void swap_out() {
    if (here_.empty()) return;
    const KvSequenceId sequence{drawn(here_)};
    Contents saved(groups());
    for (std::size_t g = 0; g < groups(); ++g) {
      for (const BlockId block : table(sequence, g))
        saved[g].push_back(block == no_block ? Layers{} : contents(block));
    }
    const auto swaps = kv().swap_out(sequence);
    if (!swaps) return;
    EXPECT_TRUE(refusing([&] { world_.tenant.swap_out(*swaps); }));
    forget(sequence);
    here_.erase(sequence.value);
    swapped_[sequence.value] = saved;
  }
  void swap_in() {
    if (swapped_.empty()) return;
    const KvSequenceId sequence{swapped_.begin()->first};
    const auto swaps = kv().swap_in(sequence);
    if (!swaps) return;
    EXPECT_TRUE(refusing([&] { world_.tenant.swap_in(*swaps); }));
    const Contents saved = swapped_.begin()->second;
    swapped_.erase(swapped_.begin());
    here_.insert(sequence.value);
    for (std::size_t g = 0; g < groups(); ++g) {
      const Table blocks = table(sequence, g);
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        if (blocks[b] != no_block) contents_[blocks[b].value] = saved[g][b];
      }
    }
  }

  void lend() {
    refusing([&] {
      if (const auto slab = world_.lend()) lent_.insert(slab->value);
    });
    EXPECT_EQ(world_.cache.lent_slabs(), lent_.size() + world_.tenant.leaving());
  }
  void reclaim() {
    if (lent_.empty()) return;
    const SlabId slab{drawn(lent_)};
    KvReclaimed reclaimed = KvReclaimed::deferred;
    refusing([&] { reclaimed = world_.tenant.reclaim(slab); });
    moved_slabs_ += reclaimed == KvReclaimed::under_way ? 1 : 0;
    if (reclaimed == KvReclaimed::under_way || reclaimed == KvReclaimed::taken_back) lent_.erase(slab.value);
    EXPECT_EQ(world_.cache.lent_slabs(), lent_.size() + world_.tenant.leaving());
  }
  void use_experts() {
    const std::uint32_t layer = static_cast<std::uint32_t>(random_.below(TenantWorld::grid.layers));
    std::set<ExpertIndex> wanted;
    for (std::uint64_t n = 1 + random_.below(3); n != 0; --n)
      wanted.insert(ExpertIndex{layer * TenantWorld::grid.experts +
                                static_cast<std::uint32_t>(random_.below(TenantWorld::grid.experts))});
    if (random_.chance(0.3)) world_.prefetch(drawn(wanted));
    world_.read_experts({wanted.begin(), wanted.end()});
    if (random_.chance(0.5)) world_.finish_layer();
  }

  /// Of all sequences that are here: reads of what is known, writes of what is new, reads of everything.
  void begin_step() {
    while (!refusing([&] { world_.tenant.begin_step(step_); })) continue;
    ++step_;
    is_running_ = true;
    kernels_.clear();
    read_all();
    for (const Entry& entry : to_write_) {
      const BlockId block = table(entry.sequence, entry.group)[entry.block];
      if (block == no_block) continue;
      for (std::size_t l = 0; l < contents(block).size(); ++l) {
        contents(block)[l] = static_cast<std::uint32_t>(random_.below(TenantWorld::patterns));
        add_kernel(block, l, true);
      }
    }
    to_write_.clear();
    read_all();
    next_kernel_ = 0;
    submit_some();
  }
  /// Whatever they hold: of new blocks nothing is known before they are written.
  void read_all() {
    for (const std::uint32_t sequence : here_) {
      for (std::size_t g = 0; g < groups(); ++g) {
        for (const BlockId block : table(KvSequenceId{sequence}, g)) {
          if (block == no_block) continue;
          for (std::size_t l = 0; l < contents(block).size(); ++l) {
            if (contents(block)[l] != unwritten) add_kernel(block, l, false);
          }
        }
      }
    }
  }
  void add_kernel(BlockId block, std::size_t layer, bool writes) {
    kernels_.push_back({world_.tenant.page(kv().pool().pages(block)[layer]), contents(block)[layer], writes});
  }
  void submit(std::size_t count) {
    for (; count > 0 && next_kernel_ < kernels_.size(); --count, ++next_kernel_) {
      const Kernel& kernel = kernels_[next_kernel_];
      if (kernel.writes) {
        world_.write(kernel.page, kernel.pattern);
      } else {
        world_.verify(kernel.page, kernel.pattern);
        ++verified_;
      }
    }
  }
  void submit_some() { submit(random_.below(kernels_.size() + 1)); }
  void end_step() {
    submit(kernels_.size());
    world_.tenant.end_step(step_ - 1);
    is_running_ = false;
    if (random_.chance(0.1)) world_.settle();
  }

  Random& random_;
  TenantWorld world_;
  bool refuses_;
  std::set<std::uint32_t> here_;
  std::map<std::uint32_t, Contents> swapped_;
  std::set<std::uint32_t> lent_;  ///< slabs that are the KV cache's
  std::map<std::uint32_t, Layers> contents_;
  std::set<Entry> to_write_;
  std::vector<Kernel> kernels_;
  std::size_t next_kernel_ = 0;
  std::uint64_t step_ = 1;
  bool is_running_ = false;
  std::uint64_t verified_ = 0;
  std::uint64_t moved_slabs_ = 0;
};

TEST_P(KvTenantOn, EveryPageHoldsWhatWasWrittenThereWhateverComesBetween) {
  Random random(testing::fresh_seed());
  std::uint64_t verified = 0;
  std::uint64_t moved_slabs = 0;
  const bool on_vehicle = !make()->info().times_mean_something;  // which runs each thread of a kernel by hand
  const std::uint64_t runs = testing_support::random_operations(on_vehicle ? 6 : 400);
  for (std::uint64_t run = 0; run < runs && !HasFailure(); ++run) {
    SCOPED_TRACE("run " + std::to_string(run));
    RandomTenants tenants(make(), random, run % 2 == 1);
    for (int i = 0; i < 250 && !HasFailure(); ++i) ASSERT_NO_THROW(tenants.act()) << "act " << i;
    ASSERT_NO_THROW(tenants.end());
    verified += tenants.verified();
    moved_slabs += tenants.moved_slabs();
  }
  EXPECT_GT(verified, runs * 20);
  if (runs >= 20) {
    EXPECT_GT(moved_slabs, runs / 2);
  }
}

}  // namespace
}  // namespace prophet::engine_test
