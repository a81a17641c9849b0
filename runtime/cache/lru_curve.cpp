// The order of last uses is a row of slots in time, one set bit for each expert that was used, at its last
// use. An expert's depth in the LRU stack is the number of set bits from its own onwards, so that one pass
// over the requests gives the hits of every capacity at once (Mattson, Gecsei, Slutz and Traiger, 1970).
//
// Counting bits: a Fenwick tree (1994) over 64-slot words, and a population count inside the word. The word
// that is being filled stays out of the tree until it is full, so that a use costs one walk down and one walk
// up the tree and nothing else. Slots are four for each expert; when they run out, the set bits move to the
// front, which costs O(slots) once in at least 3/4 of the slots: O(1) a request.
//
// Bound: a request is O(log(experts / 16)) steps, 6 at 768 experts and 10 at 14,848. Everything it touches
// (bits, tree, last uses, counts: 21 bytes for each expert and slot group) is 30 KiB at 768 experts and stays
// in the first-level cache; requests are read once, in order. bench_curve prints the rate.
#include <algorithm>
#include <bit>
#include <numeric>

#include "runtime/cache/miss_ratio_curve.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t word_slots = 64;
constexpr std::uint32_t slots_per_expert = 4;
constexpr std::uint32_t never = ~0U;

std::uint32_t slot_count(std::uint32_t experts) {
  return std::max(std::bit_ceil(slots_per_expert * experts), 2 * word_slots);
}

std::uint32_t ones(std::uint64_t word) {
  return static_cast<std::uint32_t>(std::popcount(word));
}

std::uint64_t bit(std::uint32_t slot) {
  return std::uint64_t{1} << (slot % word_slots);
}

/// Sums over the words before one, where words change one at a time.
class WordSums {
 public:
  explicit WordSums(std::uint32_t words) : tree_(words + 1) {}

  [[nodiscard]] std::uint32_t before(std::uint32_t word) const noexcept {
    std::uint32_t sum = 0;
    for (std::uint32_t node = word; node != 0; node &= node - 1) sum += tree_[node];
    return sum;
  }
  /// Adds `change`, modulo 2^32, to one word.
  void add(std::uint32_t word, std::uint32_t change) noexcept {
    for (std::uint32_t node = word + 1; node < tree_.size(); node += node & (0U - node)) {
      tree_[node] += change;
    }
  }
  void clear() noexcept { std::fill(tree_.begin(), tree_.end(), 0U); }

 private:
  std::vector<std::uint32_t> tree_;  ///< [words + 1], node 0 unused
};

/// The LRU stack of all experts used so far.
class UseOrder {
 public:
  explicit UseOrder(std::uint32_t experts)
      : last_use_(experts, never),
        expert_at_(slot_count(experts)),
        bits_(expert_at_.size() / word_slots),
        sums_(static_cast<std::uint32_t>(bits_.size())) {}

  /// Makes `expert` the most recently used. Returns its depth before, 1 at the top, or 0 at its first use.
  std::uint32_t use(std::uint32_t expert) noexcept {
    if (now_ == expert_at_.size()) compact();
    const std::uint32_t slot = last_use_[expert];
    std::uint32_t depth = 0;
    if (slot == never) {
      ++used_;
    } else {
      depth = used_ - used_before(slot);
      forget(slot);
    }
    append(expert);
    return depth;
  }

 private:
  /// Experts whose last use is before `slot`.
  [[nodiscard]] std::uint32_t used_before(std::uint32_t slot) const noexcept {
    const std::uint32_t word = slot / word_slots;
    return sums_.before(word) + ones(bits_[word] & (bit(slot) - 1));
  }

  void forget(std::uint32_t slot) noexcept {
    const std::uint32_t word = slot / word_slots;
    bits_[word] &= ~bit(slot);
    if (word < now_ / word_slots) sums_.add(word, ~0U);
  }

  void append(std::uint32_t expert) noexcept {
    const std::uint32_t word = now_ / word_slots;
    bits_[word] |= bit(now_);
    expert_at_[now_] = expert;
    last_use_[expert] = now_;
    if (++now_ % word_slots == 0) sums_.add(word, ones(bits_[word]));
  }

  /// Moves the last uses to the front, in their order.
  void compact() noexcept {
    now_ = 0;
    sums_.clear();
    for (std::uint32_t word = 0; word < bits_.size(); ++word) {
      // append() may set bits of this word again, but only after all of them have been read here.
      std::uint64_t uses = bits_[word];
      bits_[word] = 0;
      for (; uses != 0; uses &= uses - 1) {
        append(expert_at_[word * word_slots + static_cast<std::uint32_t>(std::countr_zero(uses))]);
      }
    }
  }

  std::vector<std::uint32_t> last_use_;   ///< [experts] slot, or never
  std::vector<std::uint32_t> expert_at_;  ///< [slots]
  std::vector<std::uint64_t> bits_;       ///< [slots / 64] set at each expert's last use
  WordSums sums_;                         ///< of the full words
  std::uint32_t used_ = 0;                ///< experts used so far
  std::uint32_t now_ = 0;                 ///< the next slot
};

}  // namespace

MissRatioCurve lru_curve(const RequestGroups& requests) {
  MissRatioCurve curve;
  curve.requests = requests.requests();
  curve.hits.assign(std::size_t{requests.grid.size()} + 1, 0);
  UseOrder order(requests.grid.size());
  for (const ExpertIndex expert : requests.experts) ++curve.hits[order.use(expert.value)];
  curve.hits[0] = 0;
  std::partial_sum(curve.hits.begin(), curve.hits.end(), curve.hits.begin());
  return curve;
}

}  // namespace prophet
