#include <algorithm>

#include "runtime/engine/serve/server.hpp"

namespace prophet {

void Server::continue_prompts(std::uint32_t& budget) {
  for (std::size_t i = 0; i < running_.size() && budget > 0;) {
    const RequestId id = running_[i];
    const ServedRequest& request = at(id);
    if (request.phase != RequestPhase::prefilling) {
      ++i;
      continue;
    }
    const std::uint32_t tokens = std::min(budget, request.known_tokens() - request.computed_tokens);
    if (!kv_.append(id, names_.names(id, request.computed_tokens, tokens))) {
      make_room();
      continue;
    }
    pass_.push_back({id, tokens});
    input_.attention.add(tokens, request.computed_tokens + tokens, work_);
    budget -= tokens;
    ++i;
  }
}

void Server::admit_waiting(std::uint32_t& budget) {
  while (!waiting_.empty() && running_.size() < options_.running_max) {
    const RequestId id = waiting_.front();
    if (at(id).phase == RequestPhase::swapped) {
      if (!bring_back(id)) return;
    } else if (budget == 0 || !admit(id, budget)) {
      return;
    }
    waiting_.pop_front();
    running_.push_back(id);
  }
}

bool Server::admit(RequestId id, std::uint32_t& budget) {
  ServedRequest& request = at(id);
  const std::span<const std::uint32_t> tokens = names_.names(id, 0, request.known_tokens());
  const std::uint32_t cached = kv_.find_prefix(tokens);
  if (!fits(kv_.pages_for(request.known_tokens()) - kv_.pages_for(cached))) return false;
  const std::uint32_t chunk = std::min(budget, request.known_tokens() - cached);
  const auto shared = kv_.admit(id, tokens, chunk);
  if (!shared) {
    head_lacks_pages_ = std::max<std::uint64_t>(1, kv_.pages_for(chunk));
    return false;
  }
  if (request.preemptions == 0) {
    request.cached_tokens = *shared;
    result_.prompt_tokens += request.prompt_tokens;
    result_.prefix_tokens += *shared;
  }
  request.computed_tokens = *shared;
  request.phase = RequestPhase::prefilling;
  pass_.push_back({id, chunk});
  input_.attention.add(chunk, *shared + chunk, work_);
  budget -= chunk;
  return true;
}

bool Server::bring_back(RequestId id) {
  ServedRequest& request = at(id);
  if (!fits(kv_.pages_for(request.computed_tokens + 1))) return false;
  const auto pages = kv_.swap_in(id);
  if (!pages) {
    head_lacks_pages_ = kv_.pages_for(request.computed_tokens);
    return false;
  }
  result_.swapped_bytes += *pages * kv_.page_bytes();
  request.phase = request.computed_tokens + 1 == request.known_tokens() ? RequestPhase::decoding
                                                                        : RequestPhase::prefilling;
  return true;
}

/// Whether so many pages can be taken by another request: those that run keep a little to grow in, and what
/// their prompts still need.
bool Server::fits(std::uint64_t pages) {
  std::uint64_t needed = pages;
  if (!running_.empty()) {
    const auto reserve = static_cast<std::uint64_t>(options_.watermark * static_cast<double>(kv_.pages()));
    needed += promised_pages() + std::max<std::uint64_t>(1, reserve);
  }
  const std::uint64_t free = kv_.free_pages();
  if (needed <= free) return true;
  head_lacks_pages_ = needed - free;
  return false;
}

std::uint64_t Server::promised_pages() const {
  std::uint64_t pages = 0;
  for (const RequestId id : running_) {
    const ServedRequest& request = result_.requests[id.index()];
    if (request.phase != RequestPhase::prefilling) continue;
    std::uint32_t held = request.computed_tokens;
    for (const Part& part : pass_) held += part.request == id ? part.tokens : 0;
    pages += kv_.pages_for(request.known_tokens()) - kv_.pages_for(held);
  }
  return pages;
}

/// A running request needs a page: from the experts, where the boundary moves, else from the youngest running
/// request, be it the same one.
void Server::make_room() {
  if (!lend_for_growth()) preempt(running_.back());
}

void Server::preempt(RequestId id) {
  ServedRequest& request = at(id);
  running_.erase(std::find(running_.begin(), running_.end(), id));
  waiting_.push_front(id);
  ++request.preemptions;
  ++result_.preemptions;
  if (options_.preemption == Preemption::swap && swap_out(id)) return;
  forget_computed(id);
}

/// Its pages go back, and its tokens will be computed again.
void Server::forget_computed(RequestId id) {
  ServedRequest& request = at(id);
  kv_.release(id);
  lost_ns_ += static_cast<std::uint64_t>(prefill_ns_per_token_ * request.computed_tokens);
  result_.recomputed_tokens += request.computed_tokens;
  request.computed_tokens = 0;
  request.phase = RequestPhase::waiting;
}

bool Server::swap_out(RequestId id) {
  const auto pages = kv_.swap_out(id);
  if (!pages) return false;
  result_.swapped_bytes += *pages * kv_.page_bytes();
  at(id).phase = RequestPhase::swapped;
  return true;
}

}  // namespace prophet
