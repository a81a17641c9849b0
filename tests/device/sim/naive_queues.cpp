#include "tests/device/sim/naive_queues.hpp"

#include <array>
#include <cmath>
#include <optional>

namespace prophet::sim_test {
namespace {

constexpr std::uint64_t unknown_ns = ~0ULL;

class NaiveQueues {
 public:
  NaiveQueues(const GpuProfile& profile, const std::vector<StreamRole>& roles,
              const std::vector<NaiveOp>& program)
      : profile_(profile), roles_(roles), program_(program), heads_(roles.size()) {
    std::size_t records = 0;
    for (const NaiveOp& op : program) {
      if (op.kind == NaiveOp::Kind::record) records = std::max(records, op.record + 1);
    }
    times_.completed_ns.assign(records, unknown_ns);
    times_.blocked_ns.assign(roles.size(), 0);
    for (std::size_t stream = 0; stream < roles.size(); ++stream) heads_[stream].op = next_of(stream, 0);
  }

  NaiveTimes run() {
    for (now_ns_ = 0; !finished(); ++now_ns_) {
      while (finish_one() || settle_one() || start_one()) {
      }
      note_blocked();
      progress();
    }
    return times_;
  }

 private:
  struct Head {
    std::size_t op = 0;  // position in the program; its size when there is none
    std::uint64_t ready_ns = 0;
    bool running = false;
    std::optional<std::uint64_t> blocked_since_ns;
  };
  struct Running {
    std::size_t stream = 0;
    std::uint64_t start_ns = 0;
    std::int64_t left = 0;  // [2^-16 ns]
  };

  [[nodiscard]] std::size_t next_of(std::size_t stream, std::size_t from) const {
    while (from < program_.size() && program_[from].stream != stream) ++from;
    return from;
  }
  [[nodiscard]] bool finished() const {
    for (const Head& head : heads_) {
      if (head.op < program_.size()) return false;
    }
    return true;
  }
  [[nodiscard]] bool ready(const Head& head) const {
    return head.op < program_.size() && !head.running && head.ready_ns <= now_ns_ &&
           program_[head.op].submitted_ns <= now_ns_;
  }
  void advance(std::size_t stream, std::uint64_t ready_ns) {
    heads_[stream] = {next_of(stream, heads_[stream].op + 1), ready_ns, false, {}};
  }

  bool finish_one() {
    for (auto& engine : engines_) {
      if (!engine || engine->left > 0) continue;
      const std::size_t stream = engine->stream;
      const NaiveOp& op = program_[heads_[stream].op];
      times_.spans.push_back({{}, roles_[stream], "", op.tag, 0, engine->start_ns, now_ns_});
      engine.reset();
      advance(stream, now_ns_);
      return true;
    }
    return false;
  }

  bool settle_one() {
    for (std::size_t stream = 0; stream < heads_.size(); ++stream) {
      if (!ready(heads_[stream])) continue;
      const NaiveOp& op = program_[heads_[stream].op];
      if (op.kind == NaiveOp::Kind::record) {
        times_.completed_ns[op.record] = now_ns_;
        advance(stream, now_ns_);
        return true;
      }
      if (op.kind == NaiveOp::Kind::wait && times_.completed_ns[op.record] != unknown_ns) {
        pass_wait(stream);
        return true;
      }
    }
    return false;
  }

  void pass_wait(std::size_t stream) {
    const auto since_ns = heads_[stream].blocked_since_ns;
    const std::uint64_t go_ns = now_ns_ + (since_ns ? profile_.event_latency_ns : 0);
    if (since_ns) times_.blocked_ns[stream] += go_ns - *since_ns;
    advance(stream, go_ns);
  }

  void note_blocked() {
    for (Head& head : heads_) {
      if (ready(head) && program_[head.op].kind == NaiveOp::Kind::wait && !head.blocked_since_ns) {
        head.blocked_since_ns = now_ns_;
      }
    }
  }

  bool start_one() {
    for (std::size_t index = 0; index < engines_.size(); ++index) {
      if (engines_[index]) continue;
      std::optional<std::size_t> best;
      for (std::size_t stream = 0; stream < heads_.size(); ++stream) {
        const Head& head = heads_[stream];
        if (!ready(head) || program_[head.op].kind != NaiveOp::Kind::work) continue;
        if (program_[head.op].engine == index && (!best || before(stream, *best))) best = stream;
      }
      if (!best) continue;
      const std::uint64_t duration_ns = program_[heads_[*best].op].duration_ns;
      engines_[index] = Running{*best, now_ns_, static_cast<std::int64_t>(duration_ns) << 16};
      heads_[*best].running = true;
      return true;
    }
    return false;
  }

  [[nodiscard]] bool before(std::size_t a, std::size_t b) const {
    const bool a_last = roles_[a] == StreamRole::prefetch_copy;
    const bool b_last = roles_[b] == StreamRole::prefetch_copy;
    return a_last != b_last ? b_last : heads_[a].op < heads_[b].op;
  }

  void progress() {
    const double link = profile_.link_bytes_per_s;
    const double memory = profile_.host_memory_bytes_per_s;
    const bool in_place = engines_[0] && program_[heads_[engines_[0]->stream].op].in_place;
    double leaves = (engines_[1] ? link : 0) + (in_place ? profile_.zero_copy_bytes_per_s : 0);
    double shares[] = {1.0, 1.0, 1.0, 1.0};
    if (in_place && engines_[1]) {
      shares[0] = shares[1] = link / leaves;
      leaves = link;
    } else if (engines_[0] && engines_[1]) {
      shares[0] = profile_.compute_rate_while_copying;
      shares[1] = profile_.copy_rate_while_computing;
    }
    if (engines_[3]) {
      shares[3] = memory / (memory + leaves);
      shares[1] *= shares[3];
      if (in_place) shares[0] *= shares[3];
    }
    for (std::size_t index = 0; index < engines_.size(); ++index) {
      if (engines_[index]) engines_[index]->left -= std::llround(shares[index] * 65536);
    }
  }

  const GpuProfile& profile_;
  const std::vector<StreamRole>& roles_;
  const std::vector<NaiveOp>& program_;
  std::vector<Head> heads_;
  std::array<std::optional<Running>, 4> engines_;
  NaiveTimes times_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace

NaiveTimes run_naively(const GpuProfile& profile, const std::vector<StreamRole>& roles,
                       const std::vector<NaiveOp>& program) {
  return NaiveQueues(profile, roles, program).run();
}

}  // namespace prophet::sim_test
