#include "tests/cache/naive_policy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>

namespace prophet::testing_support {
namespace {

using List = std::list<ExpertIndex>;

bool has(const List& list, ExpertIndex expert) {
  return std::find(list.begin(), list.end(), expert) != list.end();
}

ExpertIndex pop_back(List& list) {
  const ExpertIndex expert = list.back();
  list.pop_back();
  return expert;
}

/// What all have in common: cold experts leave first, the latest of them before the others.
class Naive : public EvictionPolicy {
 public:
  std::string_view name() const noexcept override { return "naive"; }
  void begin_layer(LayerId, std::uint64_t) override {}
  void miss(ExpertIndex) override {}
  void lease(ExpertIndex expert) override { withdraw(expert); }
  void admit_cold(ExpertIndex expert) override { cold_.push_back(expert); }
  ExpertIndex evict() override { return cold_.empty() ? evict_used() : pop_back(cold_); }
  void withdraw(ExpertIndex expert) override {
    cold_.remove(expert);
    withdraw_used(expert);
  }
  std::uint32_t size() const noexcept override { return static_cast<std::uint32_t>(cold_.size()) + used(); }
  bool contains(ExpertIndex expert) const noexcept override { return has(cold_, expert) || is_used(expert); }

 protected:
  virtual ExpertIndex evict_used() = 0;
  virtual void withdraw_used(ExpertIndex expert) = 0;
  virtual std::uint32_t used() const noexcept = 0;
  virtual bool is_used(ExpertIndex expert) const noexcept = 0;

  List cold_;
};

class NaiveLru final : public Naive {
 public:
  void release(ExpertIndex expert) override { order_.push_front(expert); }

 private:
  ExpertIndex evict_used() override { return pop_back(order_); }
  void withdraw_used(ExpertIndex expert) override { order_.remove(expert); }
  std::uint32_t used() const noexcept override { return static_cast<std::uint32_t>(order_.size()); }
  bool is_used(ExpertIndex expert) const noexcept override { return has(order_, expert); }

  List order_;
};

/// Policies that give every expert a number: the largest leaves, of equal ones the highest index. Cold ones
/// are of equal number, so that among them, too, the highest index leaves.
class NaiveScored : public Naive {
 public:
  void release(ExpertIndex expert) override { order_[expert] = leaves_by(expert); }
  void admit_cold(ExpertIndex expert) override {
    cold_.push_back(expert);
    cold_.sort();
  }

 protected:
  virtual double leaves_by(ExpertIndex expert) const = 0;
  /// Whether all that are in the order leave after it.
  bool leaves_before_all(ExpertIndex expert) const {
    return cold_.empty() && std::all_of(order_.begin(), order_.end(),
                                        [&](const auto& other) { return other.second < leaves_by(expert); });
  }

 private:
  ExpertIndex evict_used() override {
    auto victim = order_.begin();
    for (auto at = order_.begin(); at != order_.end(); ++at) {
      if (at->second >= victim->second) victim = at;
    }
    const ExpertIndex expert = victim->first;
    order_.erase(victim);
    return expert;
  }
  void withdraw_used(ExpertIndex expert) override { order_.erase(expert); }
  std::uint32_t used() const noexcept override { return static_cast<std::uint32_t>(order_.size()); }
  bool is_used(ExpertIndex expert) const noexcept override { return order_.count(expert) == 1; }

  std::map<ExpertIndex, double> order_;
};

/// The decayed sum itself, as of step 0 of a clock that the tests keep short.
class NaiveLfu final : public NaiveScored {
 public:
  explicit NaiveLfu(double half_life_steps) : half_life_steps_(half_life_steps) {}
  void begin_layer(LayerId, std::uint64_t step) override { step_ = static_cast<double>(step); }
  void release(ExpertIndex expert) override {
    sum_[expert] += std::exp2(step_ / half_life_steps_);
    NaiveScored::release(expert);
  }

 private:
  double leaves_by(ExpertIndex expert) const override { return -sum_.at(expert); }

  std::map<ExpertIndex, double> sum_;
  double half_life_steps_;
  double step_ = 0;
};

class NaiveStatic final : public NaiveScored {
 public:
  explicit NaiveStatic(std::span<const std::uint64_t> popularity) : popularity_(popularity) {}
  bool evicts_for_prefetch() const noexcept override { return false; }
  bool keeps_rather_than(ExpertIndex wanted) const noexcept override { return leaves_before_all(wanted); }

 private:
  double leaves_by(ExpertIndex expert) const override {
    return -static_cast<double>(popularity_[expert.index()]);
  }

  std::span<const std::uint64_t> popularity_;
};

class NaiveBelady final : public NaiveScored {
 public:
  explicit NaiveBelady(const RequestGroups& future) : future_(future) {}
  void begin_layer(LayerId, std::uint64_t) override { ++begun_; }
  bool evicts_for_prefetch() const noexcept override { return false; }
  bool keeps_rather_than(ExpertIndex wanted) const noexcept override { return leaves_before_all(wanted); }

 private:
  double leaves_by(ExpertIndex expert) const override {
    for (std::size_t g = begun_; g < future_.groups(); ++g) {
      const auto group = future_.group(g);
      const auto use = std::find(group.begin(), group.end(), expert);
      if (use != group.end())
        return static_cast<double>(future_.offsets[g]) + static_cast<double>(use - group.begin());
    }
    return static_cast<double>(future_.requests()) +
           expert.value;  // of those never used again the last leaves
  }

  const RequestGroups& future_;
  std::size_t begun_ = 0;
};

/// Nothing has been said of any expert: the longest unused leaves, of those released together the last.
class NaiveForecast final : public NaiveScored {
 public:
  explicit NaiveForecast(ExpertGrid grid) : grid_(grid) {}
  void begin_layer(LayerId layer, std::uint64_t step) override {
    now_ = static_cast<double>(step) * grid_.layers + layer.value;
  }
  bool keeps_rather_than(ExpertIndex wanted) const noexcept override { return leaves_before_all(wanted); }

 private:
  double leaves_by(ExpertIndex) const override { return -now_; }

  ExpertGrid grid_;
  double now_ = 0;
};

class NaiveSlru final : public Naive {
 public:
  explicit NaiveSlru(std::uint32_t cache_slabs) : protected_max_(cache_slabs * 4 / 5) {}
  void lease(ExpertIndex expert) override {
    if (!has(cold_, expert)) leased_again_.insert(expert);
    withdraw(expert);
  }
  void release(ExpertIndex expert) override {
    if (leased_again_.erase(expert) == 0) {
      probation_.push_front(expert);
      return;
    }
    protected_.push_front(expert);
    if (protected_.size() > protected_max_) probation_.push_front(pop_back(protected_));
  }

 private:
  ExpertIndex evict_used() override { return pop_back(probation_.empty() ? protected_ : probation_); }
  void withdraw_used(ExpertIndex expert) override {
    probation_.remove(expert);
    protected_.remove(expert);
  }
  std::uint32_t used() const noexcept override {
    return static_cast<std::uint32_t>(probation_.size() + protected_.size());
  }
  bool is_used(ExpertIndex expert) const noexcept override {
    return has(probation_, expert) || has(protected_, expert);
  }

  List probation_;
  List protected_;
  std::set<ExpertIndex> leased_again_;
  std::size_t protected_max_;
};

class NaiveArc final : public Naive {
 public:
  explicit NaiveArc(std::size_t c) : c_(c) {}
  void lease(ExpertIndex expert) override {
    if (!has(cold_, expert)) for_t2_.insert(expert);
    withdraw(expert);
  }
  void miss(ExpertIndex expert) override {
    in_b2_ = has(b2_, expert);
    if (has(b1_, expert)) {
      p_ = std::min(c_, p_ + std::max<std::size_t>(1, b2_.size() / b1_.size()));
    } else if (in_b2_) {
      const std::size_t step = std::max<std::size_t>(1, b1_.size() / b2_.size());
      p_ = p_ > step ? p_ - step : 0;
    }
    if (has(b1_, expert) || in_b2_) for_t2_.insert(expert);
    forget(expert);
  }
  void release(ExpertIndex expert) override {
    (for_t2_.erase(expert) == 1 ? t2_ : t1_).push_front(expert);
    trim();
  }
  void admit_cold(ExpertIndex expert) override {
    forget(expert);
    cold_.push_back(expert);
  }

 private:
  ExpertIndex evict_used() override {
    const bool from_t1 = !t1_.empty() && (t1_.size() > p_ || (in_b2_ && t1_.size() == p_) || t2_.empty());
    const ExpertIndex victim = pop_back(from_t1 ? t1_ : t2_);
    (from_t1 ? b1_ : b2_).push_front(victim);
    trim();
    return victim;
  }
  void withdraw_used(ExpertIndex expert) override {
    t1_.remove(expert);
    t2_.remove(expert);
  }
  std::uint32_t used() const noexcept override { return static_cast<std::uint32_t>(t1_.size() + t2_.size()); }
  bool is_used(ExpertIndex expert) const noexcept override { return has(t1_, expert) || has(t2_, expert); }
  void forget(ExpertIndex expert) {
    b1_.remove(expert);
    b2_.remove(expert);
  }
  void trim() {
    while (t1_.size() + b1_.size() > c_ && !b1_.empty()) b1_.pop_back();
    while (t1_.size() + t2_.size() + b1_.size() + b2_.size() > 2 * c_ && !b2_.empty()) b2_.pop_back();
  }

  List t1_;
  List t2_;
  List b1_;
  List b2_;
  std::set<ExpertIndex> for_t2_;
  std::size_t c_;
  std::size_t p_ = 0;
  bool in_b2_ = false;
};

class NaiveLeastStale final : public Naive {
 public:
  explicit NaiveLeastStale(ExpertGrid grid) : grid_(grid), passes_(grid.layers, 0) {}
  void begin_layer(LayerId layer, std::uint64_t) override {
    running_ = layer;
    ++passes_[layer.index()];
  }
  void release(ExpertIndex expert) override {
    used_[expert] = {passes_[grid_.layer(expert).index()], ++clock_};
  }

 private:
  struct Use {
    std::uint64_t pass;
    std::uint64_t time;
  };

  ExpertIndex evict_used() override {
    const auto leaves_before = [this](const auto& a, const auto& b) { return rank(a) < rank(b); };
    const auto victim = std::min_element(used_.begin(), used_.end(), leaves_before);
    const ExpertIndex expert = victim->first;
    used_.erase(victim);
    return expert;
  }
  /// Smaller leaves first: fresh?, layers since its turn, last use.
  std::tuple<bool, std::uint32_t, std::uint64_t> rank(const std::pair<const ExpertIndex, Use>& entry) const {
    const std::uint32_t layer = grid_.layer(entry.first).value;
    const bool fresh = entry.second.pass == passes_[layer];
    const std::uint32_t layers_ago = (running_.value + grid_.layers - layer) % grid_.layers;
    return {fresh, layers_ago, entry.second.time};
  }
  void withdraw_used(ExpertIndex expert) override { used_.erase(expert); }
  std::uint32_t used() const noexcept override { return static_cast<std::uint32_t>(used_.size()); }
  bool is_used(ExpertIndex expert) const noexcept override { return used_.count(expert) == 1; }

  ExpertGrid grid_;
  std::vector<std::uint64_t> passes_;
  std::map<ExpertIndex, Use> used_;
  LayerId running_;
  std::uint64_t clock_ = 0;
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_naive_policy(std::string_view name, const PolicyOptions& options) {
  if (name == "lru") return std::make_unique<NaiveLru>();
  if (name == "lfu") return std::make_unique<NaiveLfu>(options.lfu_half_life_steps);
  if (name == "forecast" || name == "one-step") return std::make_unique<NaiveForecast>(options.grid);
  if (name == "slru") return std::make_unique<NaiveSlru>(options.cache_slabs);
  if (name == "arc") return std::make_unique<NaiveArc>(options.cache_slabs);
  if (name == "least-stale") return std::make_unique<NaiveLeastStale>(options.grid);
  if (name == "static") return std::make_unique<NaiveStatic>(options.popularity);
  if (name == "belady") return std::make_unique<NaiveBelady>(*options.future);
  throw std::invalid_argument("no naive model of policy " + std::string(name));
}

}  // namespace prophet::testing_support
