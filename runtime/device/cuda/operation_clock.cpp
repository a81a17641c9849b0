#include "runtime/device/cuda/operation_clock.hpp"

#include <algorithm>
#include <utility>

#include "runtime/device/cpu/clock.hpp"

namespace prophet::cuda {
namespace {

constexpr std::size_t pairs_at_first = 64;
/// Shorter waits are not shown: two events with nothing between them are as far apart.
constexpr double wait_shown_ns = 2000;

std::uint64_t whole_ns(double ns) noexcept {
  return ns <= 0 ? 0 : static_cast<std::uint64_t>(ns);
}

}  // namespace

const char* const OperationClock::wait_name = "wait";

OperationClock::OperationClock(Status& status, const ClockOptions& options, cudaStream_t stream, StreamId id,
                               StreamRole role)
    : status_(status),
      options_(options),
      stream_(stream),
      id_(id),
      role_(role),
      last_end_(status, cudaEventDefault) {
  status_.check(cudaEventRecord(last_end_.get(), stream_), "cudaEventRecord", "create_stream");
  status_.check(cudaEventSynchronize(last_end_.get()), "cudaEventSynchronize", "create_stream");
  last_end_ns_ = static_cast<double>(cpu::monotonic_ns() - options_.origin_ns);
  grow();
}

void OperationClock::begin() {
  begun_ = false;
  if (!options_.on()) return;
  make_room();
  status_.check(cudaEventRecord(next().begin.get(), stream_), "cudaEventRecord", "timing an operation");
  begun_ = true;
}

void OperationClock::end(const char* name, std::uint64_t tag, std::uint64_t bytes) noexcept {
  if (!std::exchange(begun_, false) || status_.lost()) return;
  Pair& pair = next();
  if (!status_.note(cudaEventRecord(pair.end.get(), stream_), "cudaEventRecord", "timing an operation"))
    return;
  pair.name = name;
  pair.tag = tag;
  pair.bytes = bytes;
  ++count_;
}

void OperationClock::make_room() {
  if (count_ < pairs_.size()) return;
  collect();
  if (count_ == pairs_.size()) grow();
}

void OperationClock::grow() {
  std::vector<Pair> more;
  more.reserve(std::max(pairs_at_first, 2 * pairs_.size()));
  while (more.size() < more.capacity() - pairs_.size()) {
    Pair pair;
    pair.begin = OwnedEvent(status_, cudaEventDefault);
    pair.end = OwnedEvent(status_, cudaEventDefault);
    more.push_back(std::move(pair));
  }
  std::rotate(pairs_.begin(), pairs_.begin() + static_cast<std::ptrdiff_t>(first_), pairs_.end());
  more.insert(more.begin(), std::make_move_iterator(pairs_.begin()), std::make_move_iterator(pairs_.end()));
  pairs_ = std::move(more);
  first_ = 0;
}

void OperationClock::collect() {
  while (count_ != 0) {
    Pair& oldest = pairs_[first_];
    if (!status_.is_done(cudaEventQuery(oldest.end.get()), "cudaEventQuery", "timing an operation")) return;
    read(oldest);
    first_ = (first_ + 1) % pairs_.size();
    --count_;
  }
}

void OperationClock::read(Pair& pair) {
  const double idle_ns = between_ns(last_end_, pair.begin);
  const double length_ns = between_ns(pair.begin, pair.end);
  const double begin_ns = last_end_ns_ + idle_ns;
  last_end_ns_ = begin_ns + length_ns;
  last_end_.swap(pair.end);
  const bool waited = pair.name == wait_name;
  (waited ? blocked_ns_ : busy_ns_) += length_ns;
  if (options_.sink == nullptr || (waited && length_ns < wait_shown_ns)) return;
  emit(pair, begin_ns, last_end_ns_);
}

void OperationClock::emit(const Pair& pair, double begin_ns, double end_ns) const {
  // The device has passed both events: a span that seems to end later shows how far the clocks are apart.
  const std::uint64_t now_ns = cpu::monotonic_ns() - options_.origin_ns;
  const std::uint64_t end = std::min(now_ns, whole_ns(end_ns));
  options_.sink->on_span(
      {id_, role_, pair.name, pair.tag, pair.bytes, std::min(end, whole_ns(begin_ns)), end});
}

double OperationClock::between_ns(const OwnedEvent& begin, const OwnedEvent& end) {
  float milliseconds = 0;
  status_.check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "cudaEventElapsedTime",
                "timing an operation");
  return std::max(0.0, static_cast<double>(milliseconds) * 1e6);
}

StreamTimes OperationClock::times() const noexcept {
  return {whole_ns(busy_ns_), whole_ns(blocked_ns_)};
}

}  // namespace prophet::cuda
