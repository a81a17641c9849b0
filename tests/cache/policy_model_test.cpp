// Each policy against its naive twin, under random calls.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "runtime/base/random.hpp"
#include "runtime/cache/make_policy.hpp"
#include "tests/cache/naive_policy.hpp"
#include "tests/cache/random_world.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

using testing_support::RandomWorld;

/// Both policies, and which experts are in the order or leased.
class Twins {
 public:
  Twins(std::string_view name, const RandomWorld& world, Random& random)
      : world_(world),
        random_(random),
        policy_(make_policy(name, world.options())),
        naive_(testing_support::make_naive_policy(name, world.options())) {
    for (std::uint32_t e = 0; e < world.grid().size(); ++e) outside_.insert(ExpertIndex{e});
  }

  void do_something() {
    switch (random_.below(8)) {
      case 0:
        return begin_layer();
      case 1:
      case 2:
        return lease();
      case 3:
      case 4:
        return miss();
      case 5:
        return release_all();
      case 6:
        return random_.chance(0.3) ? admit_cold() : evict();
      default:
        return random_.chance(0.2) ? withdraw() : evict();
    }
  }

  void expect_same_order() const {
    ASSERT_EQ(policy_->size(), ordered_.size());
    ASSERT_EQ(naive_->size(), ordered_.size());
    for (std::uint32_t e = 0; e < world_.grid().size(); ++e) {
      ASSERT_EQ(policy_->contains(ExpertIndex{e}), ordered_.count(ExpertIndex{e}) == 1) << "expert " << e;
    }
  }

 private:
  using Set = std::set<ExpertIndex>;

  ExpertIndex move_any(Set& from, Set& to) {
    const auto at = std::next(from.begin(), static_cast<std::ptrdiff_t>(random_.below(from.size())));
    const ExpertIndex expert = *at;
    from.erase(at);
    to.insert(expert);
    return expert;
  }
  template <class Call>
  void both(Call call) {
    call(*policy_);
    call(*naive_);
  }

  void begin_layer() {
    const std::uint64_t call = layers_begun_++;
    const std::uint32_t layers = world_.grid().layers;
    const LayerId layer{static_cast<std::uint32_t>(call % layers)};
    both([&](EvictionPolicy& policy) { policy.begin_layer(layer, call / layers); });
  }
  void lease() {
    if (ordered_.empty()) return;
    const ExpertIndex expert = move_any(ordered_, leased_);
    both([&](EvictionPolicy& policy) { policy.lease(expert); });
  }
  void miss() {
    if (outside_.empty()) return;
    const ExpertIndex expert = move_any(outside_, leased_);
    both([&](EvictionPolicy& policy) { policy.miss(expert); });
  }
  void release_all() {
    for (const ExpertIndex expert : leased_) {
      both([&](EvictionPolicy& policy) { policy.release(expert); });
      ordered_.insert(expert);
    }
    leased_.clear();
  }
  void admit_cold() {
    if (outside_.empty()) return;
    const ExpertIndex expert = move_any(outside_, ordered_);
    both([&](EvictionPolicy& policy) { policy.admit_cold(expert); });
  }
  void withdraw() {
    if (ordered_.empty()) return;
    const ExpertIndex expert = move_any(ordered_, outside_);
    both([&](EvictionPolicy& policy) { policy.withdraw(expert); });
  }
  void evict() {
    if (ordered_.empty()) return;
    if (!outside_.empty()) {
      const ExpertIndex wanted =
          *std::next(outside_.begin(), static_cast<std::ptrdiff_t>(random_.below(outside_.size())));
      ASSERT_EQ(policy_->keeps_rather_than(wanted), naive_->keeps_rather_than(wanted)) << wanted.value;
    }
    const ExpertIndex victim = policy_->evict();
    ASSERT_EQ(victim, naive_->evict());
    ASSERT_EQ(ordered_.erase(victim), 1U) << "the victim " << victim.value << " is not in the order";
    outside_.insert(victim);
  }

  const RandomWorld& world_;
  Random& random_;
  std::unique_ptr<EvictionPolicy> policy_;
  std::unique_ptr<EvictionPolicy> naive_;
  Set outside_;
  Set leased_;
  Set ordered_;
  std::uint64_t layers_begun_ = 0;
};

class PolicyModel : public testing::TestWithParam<std::string> {};

TEST_P(PolicyModel, EvictsWhatItsNaiveTwinEvicts) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  constexpr std::uint64_t operations_a_world = 2000;
  for (std::uint64_t done = 0, end = testing_support::random_operations(500'000); done < end;
       done += operations_a_world) {
    const RandomWorld world(random);
    Twins twins(GetParam(), world, random);
    for (std::uint64_t i = 0; i < operations_a_world; ++i) {
      twins.do_something();
      if (i % 16 == 0) twins.expect_same_order();
      if (HasFatalFailure()) FAIL() << "operation " << done + i;
    }
  }
}

TEST_P(PolicyModel, AColdExpertIsTheFirstToGo) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  const RandomWorld world(random);
  const auto policy = make_policy(GetParam(), world.options());
  const ExpertIndex last{world.grid().size() - 1};
  const ExpertIndex cold{static_cast<std::uint32_t>(random.below(last.value))};
  policy->begin_layer(LayerId{0}, 0);
  for (std::uint32_t e = 0; e < world.grid().size(); ++e) {
    if (ExpertIndex{e} == cold) continue;
    policy->miss(ExpertIndex{e});
    policy->release(ExpertIndex{e});
  }
  policy->admit_cold(cold);
  EXPECT_EQ(policy->evict(), cold);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Policies, PolicyModel, testing::ValuesIn(policy_names()), test_name);

}  // namespace
}  // namespace prophet
