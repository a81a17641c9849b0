#include "tests/live/identity_plan.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t lanes_max = 6;
constexpr std::uint32_t pass_tokens_max = 64;

/// Uniform in [low, high].
std::uint32_t between(Random& random, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(random.below(high - low + 1));
}

/// Uniform in the logarithm.
double spread(Random& random, double low, double high) {
  return low * std::pow(high / low, random.uniform());
}

template <class T>
T one_of(Random& random, const std::vector<T>& from) {
  return from[random.below(from.size())];
}

/// Few slabs make rounds: fewer than one token wants. One layer's need and more is the usual case.
std::uint32_t draw_slabs(Random& random, const DecoderConfig& config) {
  const std::uint32_t all = config.shape.grid.size();
  if (random.chance(0.15)) return between(random, 1, config.shape.top_k);
  return random.chance(0.1) ? all : between(random, config.shape.top_k, all);
}

EngineOptions draw_engine(Random& random, const DecoderConfig& config) {
  EngineOptions engine;
  engine.cache = {draw_slabs(random, config), between(random, 0, 6)};
  engine.transfer.chunk_bytes = between(random, 700, 30'000);
  engine.transfer.chunks_in_flight = between(random, 1, 4);
  engine.transfer.queued_prefetches_max = between(random, 1, 32);
  engine.transfer.shuffle_chunks = random.chance(0.5);
  engine.transfer.seed = random.next();
  engine.prefetch.lookahead_layers = between(random, 1, config.shape.grid.layers + 1);
  engine.prefetch.width = between(random, 1, config.shape.grid.experts);
  engine.prefetch.probability_min = random.chance(0.5) ? 0.0F : 0.3F;
  engine.prefetch_useful_min = random.chance(0.7) ? 0.0 : 0.2;
  engine.bypass_prefill = random.chance(0.5);
  return engine;
}

UnsteadyOptions draw_unsteady(Random& random) {
  UnsteadyOptions options;
  options.seed = random.next();
  options.late_chance = random.chance(0.3) ? 0.0 : 0.4 * random.uniform();
  options.late_bytes_max = static_cast<std::uint64_t>(spread(random, 1 << 10, 1 << 18));
  options.refused_prefetch_chance = random.chance(0.5) ? 0.0 : 0.2 * random.uniform();
  return options;
}

std::string draw_predictor(Random& random, const DecoderConfig& config) {
  std::vector<std::string> names = predictor_names();
  names.insert(names.end(), {"hostile", "contrary"});
  std::string name = one_of(random, names);
  if (config.shape.grid.layers == 1 && (name == "oracle" || name == "contrary")) return "hostile";
  return name;
}

/// Sequences in lanes, as far as they have been planned.
class Schedule {
 public:
  Schedule(const IdentityPool& pool, Random& random, std::uint32_t lanes)
      : pool_(pool), random_(random), lanes_(lanes), left_(lanes + between(random, 0, lanes + 2)) {}

  /// The next step; none when everything has run.
  std::optional<PlannedStep> next() {
    for (Lane& lane : lanes_) {
      if (!lane.busy && left_ > 0) start(lane);
    }
    const bool prompts = any([](const Lane& lane) { return lane.position < lane.prompt_tokens; });
    const bool decodes = any([](const Lane& lane) { return lane.position >= lane.prompt_tokens; });
    if (!prompts && !decodes) return std::nullopt;
    PlannedStep step;
    step.kind = !decodes || (prompts && random_.chance(0.5)) ? StepKind::prefill : StepKind::decode;
    while (step.tokens.empty()) fill(step);
    return step;
  }

 private:
  struct Lane {
    bool busy = false;
    std::uint32_t sequence = 0;
    std::uint32_t position = 0;
    std::uint32_t prompt_tokens = 0;
  };

  template <class Of>
  bool any(Of&& of) const {
    return std::any_of(lanes_.begin(), lanes_.end(), [&](const Lane& lane) { return lane.busy && of(lane); });
  }

  void start(Lane& lane) {
    --left_;
    lane = {true, static_cast<std::uint32_t>(random_.below(IdentityPool::sequences)), 0, 0};
    lane.prompt_tokens = between(random_, 0, static_cast<std::uint32_t>(pool_.ids(lane.sequence).size()));
  }

  /// Prefill: some tokens of some prompts, and now and then a token of a lane that decodes among them.
  /// Decode: one token of most lanes that have no prompt left.
  void fill(PlannedStep& step) {
    for (std::uint32_t l = 0; l < lanes_.size(); ++l) {
      Lane& lane = lanes_[l];
      if (!lane.busy) continue;
      const bool in_prompt = lane.position < lane.prompt_tokens;
      const auto room = static_cast<std::uint32_t>(pass_tokens_max - step.tokens.size());
      if (step.kind == StepKind::decode) {
        if (!in_prompt && random_.chance(0.9)) take(step, l, 1);
      } else if (in_prompt ? random_.chance(0.7) : random_.chance(0.1)) {
        const std::uint32_t wanted = in_prompt ? lane.prompt_tokens - lane.position : 1;
        if (room > 0) take(step, l, between(random_, 1, std::min(room, wanted)));
      }
    }
  }

  void take(PlannedStep& step, std::uint32_t l, std::uint32_t tokens) {
    Lane& lane = lanes_[l];
    for (; tokens > 0; --tokens) step.tokens.push_back({LaneId{l}, lane.sequence, lane.position++});
    lane.busy = lane.position < pool_.ids(lane.sequence).size();
  }

  const IdentityPool& pool_;
  Random& random_;
  std::vector<Lane> lanes_;
  std::uint32_t left_;  ///< sequences not yet started
};

}  // namespace

IdentityPlan IdentityPlan::draw(const IdentityPool& pool, std::uint64_t seed) {
  Random random(seed);
  const DecoderConfig& config = pool.config();
  IdentityPlan plan;
  plan.seed = seed;
  plan.link_bytes_per_s = random.chance(0.75) ? 0 : spread(random, 1e9, 2e10);
  plan.unsteady = draw_unsteady(random);
  plan.predictor = draw_predictor(random, config);
  plan.rig.policy = one_of(random, policy_names());
  plan.rig.engine = draw_engine(random, config);
  plan.rig.expert_format = pool.format();
  plan.rig.lanes = between(random, 1, lanes_max);
  plan.rig.context_tokens = IdentityPool::tokens_max + between(random, 0, 40);
  plan.rig.tokens_max = pass_tokens_max;
  plan.preload = random.chance(0.2);
  Schedule schedule(pool, random, plan.rig.lanes);
  while (std::optional<PlannedStep> step = schedule.next()) plan.steps.push_back(std::move(*step));
  return plan;
}

RequestGroups IdentityPlan::requests(const IdentityPool& pool) const {
  const RoutingTrace& trace = pool.trace();
  RequestGroups groups;
  groups.grid = trace.shape().grid;
  std::vector<ExpertIndex> wanted;
  for (const PlannedStep& step : steps) {
    for (std::uint32_t l = 0; l < groups.grid.layers; ++l) {
      wanted.clear();
      for (const PlannedToken& token : step.tokens) {
        const std::uint64_t row = trace.sequences()[token.sequence].first_token + token.position;
        for (std::uint32_t r = 0; r < trace.shape().top_k; ++r)
          wanted.push_back(groups.grid.index(LayerId{l}, trace.expert(row, LayerId{l}, r)));
      }
      std::sort(wanted.begin(), wanted.end());
      wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
      groups.append(wanted);
    }
  }
  return groups;
}

std::uint64_t IdentityPlan::tokens() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedStep& step : steps) sum += step.tokens.size();
  return sum;
}

std::string IdentityPlan::describe() const {
  std::ostringstream out;
  const EngineOptions& engine = rig.engine;
  out << rig.policy << " + " << predictor << ", slabs " << engine.cache.cache_slabs << " + "
      << engine.cache.staging_slabs << ", chunks of " << engine.transfer.chunk_bytes << ", "
      << engine.transfer.chunks_in_flight << " in flight"
      << (engine.transfer.shuffle_chunks ? ", shuffled" : "") << ", lookahead "
      << engine.prefetch.lookahead_layers << ", " << rig.lanes << " lanes, " << steps.size()
      << " steps, bypass " << engine.bypass_prefill << ", preload " << preload << ", link "
      << link_bytes_per_s << " B/s, late " << unsteady.late_chance << " by " << unsteady.late_bytes_max
      << " bytes, prefetches refused " << unsteady.refused_prefetch_chance;
  return out.str();
}

}  // namespace prophet::testing
