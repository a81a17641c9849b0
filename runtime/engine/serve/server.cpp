#include "runtime/engine/serve/server.hpp"

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// How long a server that can run nothing waits before it looks again.
constexpr std::uint64_t idle_step_ns = 100'000;
/// Steps are to stay so far below the limit on the time between tokens.
constexpr double step_share_of_limit = 0.8;
/// A peak of the demand for pages is half forgotten after about 350 steps.
constexpr double demand_kept = 0.998;

SlabWorth::Options worth_options(const ServeOptions& options, double copy_ns) {
  SlabWorth::Options worth;
  worth.copy_ns = copy_ns;
  worth.step_ns_max = step_share_of_limit * static_cast<double>(options.limits.between_tokens_ns);
  return worth;
}

}  // namespace

Server::Server(const Parts& parts, const ServeInput& input, const ServeOptions& options)
    : device_(parts.device),
      loop_(parts.loop),
      model_(parts.model),
      curve_(parts.curve),
      kv_(parts.kv),
      input_(input),
      options_(options),
      boundary_(parts.kv),
      controller_(options.boundary.controller),
      worth_(worth_options(options, input.copy_ns)),
      names_(input.requests),
      demand_(demand_kept) {
  std::uint64_t outputs = 0;
  for (const RequestRecord& record : input.requests) {
    ServedRequest request;
    request.arrival_ns = static_cast<std::uint64_t>(static_cast<double>(record.arrival_ns) / input.load);
    request.prompt_tokens = record.prompt_tokens;
    request.output_tokens = record.output_tokens;
    result_.requests.push_back(request);
    outputs += record.output_tokens;
  }
  result_.between_tokens_ns.reserve(outputs);
  loop_.expect_steps(outputs);
  running_.reserve(options.running_max);
  pass_.reserve(options.running_max);
  tokens_.reserve(std::max(options.running_max, options.prefill_chunk_tokens));
}

ServeResult Server::run(const AfterStep& after_step) {
  lend_first();
  device_.synchronize();
  started_ns_ = device_.now_ns();
  while (over_ < result_.requests.size() && step()) {
    if (after_step && !after_step(*this)) break;
  }
  return finish();
}

bool Server::step() {
  take_arrivals();
  take_cancellations();
  if (running_.empty() && waiting_.empty()) return wait_for_arrival();
  ++result_.steps;
  lost_ns_ = 0;
  const std::uint64_t begin_ns = now_ns();
  move_boundary();
  head_lacks_pages_ = 0;
  const bool prefilled = prefill_pass();
  const bool decoded = decode_pass();
  if (!prefilled && !decoded) skipped_ns_ += idle_step_ns;
  worth_.stepped(lost_ns_, now_ns() - begin_ns, decoded);
  demand_.note(kv_.pages() - kv_.free_pages() + head_lacks_pages_);
  result_.waiting_steps += head_lacks_pages_ != 0 ? 1U : 0U;
  kv_slab_steps_ += kv_.slabs();
  return true;
}

void Server::take_arrivals() {
  const std::uint64_t now = now_ns();
  for (; next_arrival_ < result_.requests.size(); ++next_arrival_) {
    ServedRequest& request = result_.requests[next_arrival_];
    if (request.arrival_ns > now) return;
    if (request.is_over()) continue;
    const RequestId id{static_cast<std::uint32_t>(next_arrival_)};
    const std::uint32_t context = request.prompt_tokens + request.output_tokens;
    if (context > options_.context_tokens_max || kv_.pages_for(context) > kv_pages_max()) {
      end(id, RequestPhase::refused);
      continue;
    }
    request.phase = RequestPhase::waiting;
    waiting_.push_back(id);
  }
}

void Server::take_cancellations() {
  const std::uint64_t now = now_ns();
  for (; next_cancellation_ < input_.cancellations.size(); ++next_cancellation_) {
    const Cancellation& cancellation = input_.cancellations[next_cancellation_];
    if (cancellation.time_ns > now) return;
    if (!at(cancellation.request).is_over()) end(cancellation.request, RequestPhase::cancelled);
  }
}

bool Server::wait_for_arrival() {
  if (next_arrival_ == result_.requests.size()) return false;
  const std::uint64_t now = now_ns();
  skipped_ns_ += std::max(now, result_.requests[next_arrival_].arrival_ns) - now;
  return true;
}

bool Server::prefill_pass() {
  pass_.clear();
  work_ = {};
  std::uint32_t budget = options_.prefill_chunk_tokens;
  continue_prompts(budget);
  admit_waiting(budget);
  if (pass_.empty()) return false;
  const std::uint64_t begin_ns = now_ns();
  run_pass(StepKind::prefill);
  const std::uint64_t took_ns = now_ns() - begin_ns;
  worth_.prefilled(static_cast<std::uint32_t>(tokens_.size()), took_ns);
  std::uint64_t computed = 0;
  for (const Part& part : pass_) {
    ServedRequest& request = at(part.request);
    request.computed_tokens += part.tokens;
    computed += part.tokens;
    if (request.computed_tokens == request.known_tokens()) generate(part.request);
  }
  const double per_token = static_cast<double>(took_ns) / static_cast<double>(computed);
  constexpr double share_of_new = 0.1;
  prefill_ns_per_token_ +=
      (per_token - prefill_ns_per_token_) * (prefill_ns_per_token_ == 0 ? 1 : share_of_new);
  return true;
}

bool Server::decode_pass() {
  pass_.clear();
  work_ = {};
  for (std::size_t i = 0; i < running_.size();) {
    const RequestId id = running_[i];
    const ServedRequest& request = at(id);
    if (request.phase != RequestPhase::decoding) {
      ++i;
    } else if (kv_.append(id, names_.names(id, request.computed_tokens, 1))) {
      pass_.push_back({id, 1});
      input_.attention.add(1, request.computed_tokens + 1, work_);
      ++i;
    } else {
      make_room();
    }
  }
  if (pass_.empty()) return false;
  const std::uint64_t begin_ns = now_ns();
  const std::uint64_t missed = loop_.counts().total.miss;
  run_pass(StepKind::decode);
  worth_.decoded(static_cast<std::uint32_t>(pass_.size()), loop_.counts().total.miss - missed,
                 now_ns() - begin_ns);
  for (const Part& part : pass_) {
    ++at(part.request).computed_tokens;
    generate(part.request);
  }
  return true;
}

/// The tokens of `pass_`, from each request's first that is not computed.
void Server::run_pass(StepKind kind) {
  tokens_.clear();
  for (std::size_t p = 0; p < pass_.size(); ++p) {
    const ServedRequest& request = at(pass_[p].request);
    for (std::uint32_t t = 0; t < pass_[p].tokens; ++t) {
      const std::uint32_t position = request.computed_tokens + t;
      tokens_.push_back({LaneId{static_cast<std::uint32_t>(p)}, input_.rows->row(pass_[p].request, position),
                         position == 0});
    }
  }
  model_.expect(kind, work_);
  kv_.begin_pass();
  loop_.step(kind, tokens_);
  kv_.end_pass();
}

/// Its known tokens have been computed: the next one is there.
void Server::generate(RequestId id) {
  ServedRequest& request = at(id);
  const std::uint64_t now = now_ns();
  if (request.generated_tokens++ == 0) {
    request.first_token_ns = now;
  } else {
    result_.between_tokens_ns.push_back(now - request.last_token_ns);
  }
  request.last_token_ns = now;
  request.phase = RequestPhase::decoding;
  if (request.generated_tokens == request.output_tokens) end(id, RequestPhase::finished);
}

void Server::end(RequestId id, RequestPhase phase) {
  ServedRequest& request = at(id);
  const bool holds = request.phase == RequestPhase::prefilling || request.phase == RequestPhase::decoding;
  if (holds || request.phase == RequestPhase::swapped) kv_.release(id);
  if (holds) {
    running_.erase(std::find(running_.begin(), running_.end(), id));
  } else if (request.phase != RequestPhase::coming) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), id));
  }
  request.phase = phase;
  ++over_;
}

ServeResult Server::finish() {
  result_.end_ns = now_ns();
  kv_.settle();
  result_.engine = loop_.finish();
  result_.moves = boundary_.moves();
  result_.moves.lent -= lent_first_;
  result_.turns = controller_.turns();
  result_.urgent_steps = controller_.urgent_steps();
  if (result_.steps != 0)
    result_.kv_slabs_mean = static_cast<std::uint32_t>(kv_slab_steps_ / static_cast<double>(result_.steps));
  return std::move(result_);
}

}  // namespace prophet
