// The KV cache against the naive model: every operation in random order, in memory that is always short.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <stdexcept>

#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "tests/kv/naive_kv.hpp"
#include "tests/kv/random_kv_world.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

using testing_support::KvEvents;
using testing_support::NaiveKv;
using testing_support::RandomKvWorld;
using Tokens = std::vector<std::uint32_t>;

constexpr std::uint64_t operations_a_world = 4000;
constexpr std::uint64_t operations_a_comparison = 250;

class ModelRun {
 public:
  ModelRun(Random& random, KvEvents& events)
      : random_(random),
        world_(random),
        real_(world_.geometry, world_.grid, world_.options),
        naive_(real_, RandomKvWorld::vocabulary, events),
        events_(events) {
    for (auto& weight : weights_) weight = 1 + random.below(3);
  }

  void run() {
    for (std::uint64_t i = 1; i <= operations_a_world; ++i) {
      while (!(this->*pick())()) {
      }
      naive_.read(some_sequence());
      if (i % operations_a_comparison == 0) compare();
    }
    for (std::uint32_t s = 0; s < world_.options.sequences_max; ++s) {
      if (naive_.is_alive(KvSequenceId{s})) free_one(KvSequenceId{s});
    }
    compare();
    if (real_.pool().referenced_pages() != 0)
      throw std::logic_error("pages stay referenced without sequences");
  }

  [[nodiscard]] std::string describe() const { return world_.describe(); }

 private:
  using Operation = bool (ModelRun::*)();
  struct Weighted {
    Operation operation;
    std::uint64_t per_mille;
  };
  static constexpr std::size_t kinds = 18;
  [[nodiscard]] static const std::array<Weighted, kinds>& operations() {
    static constexpr std::array<Weighted, kinds> all{{{&ModelRun::append, 400},
                                                      {&ModelRun::admit, 120},
                                                      {&ModelRun::free, 90},
                                                      {&ModelRun::fork, 40},
                                                      {&ModelRun::add_slab, 150},
                                                      {&ModelRun::plan_and_commit, 40},
                                                      {&ModelRun::plan_only, 15},
                                                      {&ModelRun::commit_late, 10},
                                                      {&ModelRun::finish, 60},
                                                      {&ModelRun::begin_step, 30},
                                                      {&ModelRun::end_step, 40},
                                                      {&ModelRun::swap_out, 25},
                                                      {&ModelRun::swap_in, 80},
                                                      {&ModelRun::find_prefix, 25},
                                                      {&ModelRun::release_window, 10},
                                                      {&ModelRun::append_unnamed, 15},
                                                      {&ModelRun::admit_unnamed, 8},
                                                      {&ModelRun::misuse, 12}}};
    return all;
  }

  /// Every world has its own mixture.
  [[nodiscard]] Operation pick() {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < kinds; ++i) total += operations()[i].per_mille * weights_[i];
    std::uint64_t at = random_.below(total);
    for (std::size_t i = 0;; ++i) {
      const std::uint64_t share = operations()[i].per_mille * weights_[i];
      if (at < share) return operations()[i].operation;
      at -= share;
    }
  }

  [[nodiscard]] KvSequenceId some_sequence() {
    return KvSequenceId{static_cast<std::uint32_t>(random_.below(world_.options.sequences_max))};
  }
  [[nodiscard]] SlabId some_slab() {
    return SlabId{static_cast<std::uint32_t>(random_.below(world_.grid.slabs))};
  }
  /// One that is on the device, or nothing: by chance.
  [[nodiscard]] std::optional<KvSequenceId> sequence_here() {
    for (int tries = 0; tries < 4; ++tries) {
      const KvSequenceId id = some_sequence();
      if (naive_.is_alive(id) && !naive_.is_out(id)) return id;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::uint32_t some_tokens(KvSequenceId id) {
    const std::uint32_t room = world_.options.context_tokens_max - naive_.tokens(id);
    const auto wanted = static_cast<std::uint32_t>(random_.chance(0.8) ? random_.below(3) : random_.below(9));
    return std::min(room, wanted);
  }

  // Each says whether it called the cache at all.
  [[nodiscard]] bool append() {
    const auto id = sequence_here();
    if (!id) return admit();
    Tokens tokens(some_tokens(*id));
    for (std::size_t t = 0; t < tokens.size(); ++t)
      tokens[t] = world_.next_token(random_, naive_.tokens(*id) + t);
    if (real_.pages_to_append(*id, static_cast<std::uint32_t>(tokens.size())) !=
        (tokens.empty() ? 0 : naive_.pages_to_append(*id, static_cast<std::uint32_t>(tokens.size())))) {
      throw std::logic_error("the pages of an append are foretold");
    }
    const KvAppended answer = real_.append(*id, tokens);
    if (!tokens.empty()) naive_.appended(*id, tokens, answer);
    return true;
  }

  [[nodiscard]] bool append_unnamed() {
    const auto id = sequence_here();
    const std::uint32_t tokens = id ? some_tokens(*id) : 0;
    if (tokens == 0) return false;
    naive_.appended_unnamed(*id, tokens, real_.append_unnamed(*id, tokens));
    return true;
  }

  [[nodiscard]] bool admit() {
    const Tokens prompt = world_.prompt(random_);
    const auto chunk = static_cast<std::uint32_t>(random_.chance(0.5) ? prompt.size() : 1 + random_.below(6));
    const auto key = static_cast<std::uint32_t>(random_.chance(0.1) ? 1 : 0);
    naive_.admitted(prompt, chunk, key, real_.admit(prompt, chunk, key));
    return true;
  }

  [[nodiscard]] bool admit_unnamed() {
    const auto tokens = static_cast<std::uint32_t>(1 + random_.below(world_.options.context_tokens_max));
    naive_.admitted_unnamed(tokens, real_.admit_unnamed(tokens));
    return true;
  }

  [[nodiscard]] bool find_prefix() {
    const Tokens prompt = world_.prompt(random_);
    if (real_.find_prefix(prompt) != naive_.shared(prompt, 0)) throw std::logic_error("a prefix is found");
    return true;
  }

  [[nodiscard]] bool free() {
    const KvSequenceId id = some_sequence();
    if (!naive_.is_alive(id)) return false;
    free_one(id);
    return true;
  }
  void free_one(KvSequenceId id) {
    real_.free(id);
    naive_.freed(id);
  }
  [[nodiscard]] bool fork() {
    const auto id = sequence_here();
    if (id) naive_.forked(*id, real_.fork(*id));
    return id.has_value();
  }
  [[nodiscard]] bool release_window() {
    const auto id = sequence_here();
    if (!id) return false;
    real_.release_window(*id);
    naive_.window_released(*id);
    return true;
  }
  [[nodiscard]] bool swap_out() {
    const auto id = sequence_here();
    if (id) naive_.swapped_out(*id, real_.swap_out(*id));
    return id.has_value();
  }
  [[nodiscard]] bool swap_in() {
    const KvSequenceId id = some_sequence();
    if (!naive_.is_out(id)) return false;
    naive_.swapped_in(id, real_.swap_in(id));
    return true;
  }

  [[nodiscard]] bool add_slab() {
    const SlabId slab = some_slab();
    if (naive_.slab(slab) != NaiveKv::SlabState::away) return false;
    real_.pool().add_slab(slab);
    naive_.added(slab);
    return true;
  }
  [[nodiscard]] bool plan_and_commit() {
    const SlabId slab = some_slab();
    if (naive_.slab(slab) != NaiveKv::SlabState::lent) return false;
    const ReclaimPlan plan = real_.pool().plan_reclaim(slab);
    naive_.planned(slab, plan);
    const bool is_ready = plan.outcome == ReclaimPlan::Outcome::ready;
    if (is_ready) naive_.committed(slab, real_.pool().commit_reclaim(slab));
    return true;
  }
  /// The copies cannot be submitted, or something comes between.
  [[nodiscard]] bool plan_only() {
    const SlabId slab = some_slab();
    if (naive_.slab(slab) != NaiveKv::SlabState::lent) return false;
    naive_.planned(slab, real_.pool().plan_reclaim(slab));
    return true;
  }
  [[nodiscard]] bool commit_late() {
    const SlabId slab = naive_.has_plan() ? naive_.planned_slab() : some_slab();
    if (naive_.has_plan()) {
      naive_.committed(slab, real_.pool().commit_reclaim(slab));
    } else {
      expect_refused([&] { (void)real_.pool().commit_reclaim(slab); });
      ++events_.dropped_plans;
    }
    return true;
  }
  [[nodiscard]] bool finish() {
    const SlabId slab = some_slab();
    if (naive_.slab(slab) != NaiveKv::SlabState::leaving) return false;
    real_.pool().finish_reclaim(slab);
    naive_.finished(slab);
    return true;
  }
  [[nodiscard]] bool begin_step() {
    if (begun_ - ended_ >= 2) return false;
    real_.pool().begin_step(begun_);
    naive_.step_begun(begun_++);
    return true;
  }
  [[nodiscard]] bool end_step() {
    if (begun_ == ended_) return false;
    real_.pool().end_step(ended_);
    naive_.step_ended(ended_++);
    return true;
  }

  [[nodiscard]] bool misuse() {
    const KvSequenceId id = some_sequence();
    const SlabId slab = some_slab();
    if (!naive_.is_alive(id)) expect_refused([&] { real_.free(id); });
    if (!naive_.is_alive(id) || naive_.is_out(id)) expect_refused([&] { (void)real_.append_unnamed(id, 1); });
    if (!naive_.is_out(id)) expect_refused([&] { (void)real_.swap_in(id); });
    if (naive_.slab(slab) != NaiveKv::SlabState::away) expect_refused([&] { real_.pool().add_slab(slab); });
    if (naive_.slab(slab) != NaiveKv::SlabState::lent) {
      expect_refused([&] { (void)real_.pool().plan_reclaim(slab); });
    }
    if (naive_.slab(slab) != NaiveKv::SlabState::leaving)
      expect_refused([&] { real_.pool().finish_reclaim(slab); });
    if (random_.chance(0.03)) {
      real_.pool().forget_all();
      naive_.forgotten_all();
    }
    return true;
  }
  template <class Call>
  static void expect_refused(Call call) {
    try {
      call();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::check_failed) return;
      throw;
    }
    throw std::logic_error("misuse is refused");
  }

  void compare() const {
    real_.check_invariants();
    naive_.compare_all();
  }

  Random& random_;
  RandomKvWorld world_;
  KvCache real_;
  NaiveKv naive_;
  KvEvents& events_;
  std::array<std::uint64_t, kinds> weights_{};
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
};

/// Of a million operations, so many at least; usual are five times as many. Fewer operations are no measure.
void expect_events(const KvEvents& seen, double millions) {
  const auto expect = [&](const char* what, std::uint64_t count, double a_million) {
    std::cout << what << " " << count << ", ";
    if (millions < 1) return;
    EXPECT_GE(static_cast<double>(count), a_million * millions) << what;
  };
  expect("admitted", seen.admitted, 10000);
  expect("shared tokens", seen.shared_tokens, 15000);
  expect("not admitted", seen.not_admitted, 20000);
  expect("grown", seen.grown, 25000);
  expect("not grown", seen.not_grown, 20000);
  expect("copied blocks", seen.copied_blocks, 1200);
  expect("left a window", seen.left_window, 10000);
  expect("swapped out", seen.swapped_out, 2500);
  expect("not swapped out", seen.not_swapped_out, 3000);
  expect("swapped in", seen.swapped_in, 700);
  expect("not swapped in", seen.not_swapped_in, 900);
  expect("evicted", seen.evicted, 40000);
  expect("moved pages", seen.moved_pages, 5000);
  expect("reclaimed without moves", seen.reclaimed_without_moves, 400);
  expect("forgotten for room", seen.forgotten_for_room, 5000);
  expect("deferred", seen.deferred, 6000);
  expect("no room", seen.no_room, 3000);
  expect("late commits refused", seen.dropped_plans, 2500);
  std::cout << '\n';
}

/// A device that forgets the copy for which a fork asks reads back what is not there.
TEST(KvModel, CanaryADroppedCopyIsNoticed) {
  KvGeometry geometry{{{2, 16, 0, 4}}, 0, 64};
  KvCache real(geometry, PageGrid::plan(640, 2, 64), {.sequences_max = 2, .context_tokens_max = 16});
  KvEvents events;
  NaiveKv naive(real, RandomKvWorld::vocabulary, events);
  real.pool().add_slab(SlabId{0});
  naive.added(SlabId{0});
  const auto admitted = real.admit(Tokens{1, 2});
  naive.admitted({1, 2}, 2, 0, admitted);
  naive.forked(admitted->sequence, real.fork(admitted->sequence));
  KvAppended answer = real.append(admitted->sequence, Tokens{3});
  answer.copies = answer.copies.first(1);
  EXPECT_THROW(naive.appended(admitted->sequence, {3}, answer), std::logic_error);
}

TEST(KvModel, RandomOperationsMatchTheNaiveModel) {
  const std::uint64_t seed = testing_support::fresh_seed();
  Random random(seed);
  KvEvents events;
  for (std::uint64_t done = 0, end = testing_support::random_operations(10'000'000); done < end;
       done += operations_a_world) {
    ModelRun model_run(random, events);
    try {
      model_run.run();
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\nPROPHET_SEED=" << seed << ", operation " << done << " and on; "
             << model_run.describe();
    }
  }
  expect_events(events, static_cast<double>(testing_support::random_operations(10'000'000)) / 1e6);
}

}  // namespace
}  // namespace prophet
