#include "bench/commands/device_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

/// The requests with what was generated as a given text, so that both devices read the same.
std::vector<LiveRequest> forced_requests(const LoadedLive& loaded, const LiveRow& row) {
  std::vector<LiveRequest> requests = loaded.requests;
  for (std::size_t r = 0; r < requests.size(); ++r) {
    requests[r].forced = row.continuations[r].tokens;
    requests[r].new_tokens_max = static_cast<std::uint32_t>(requests[r].forced.size());
  }
  return requests;
}

/// The setup of another device; what belongs to the first one is left out.
LiveSetup setup_of(const LiveSetup& setup, const std::string& device) {
  LiveSetup other = setup;
  other.device = device;
  other.link_gb_per_s = 0;
  other.link_like.clear();
  other.device_memory_mib.reset();
  other.record_timeline = false;
  other.ignore_eos = true;  // the text is given
  return other;
}

/// The largest difference over the largest magnitude of `expected`; infinite where a value is no number.
double relative_difference(std::span<const float> found, std::span<const float> expected) {
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double apart = std::abs(double{found[i]} - double{expected[i]});
    if (!std::isfinite(apart)) return HUGE_VAL;
    difference = std::max(difference, apart);
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  return largest == 0 ? difference : difference / largest;
}

std::ptrdiff_t largest_at(std::span<const float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

}  // namespace

void LogitsLog::add(const NewToken& token) {
  bytes_ += token.logits.size_bytes();
  if (bytes_ > limits::recorded_bytes_max) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("--compare-device: more than {} bytes of logits, expected fewer new tokens",
                            limits::recorded_bytes_max));
  }
  std::vector<float>& all = of_request_[token.request];
  all.insert(all.end(), token.logits.begin(), token.logits.end());
}

std::span<const float> LogitsLog::at(std::size_t request, std::size_t position, std::size_t vocab) const {
  return std::span(of_request_[request]).subspan(position * vocab, vocab);
}

DeviceComparison compare_with_device(const LiveSetup& setup, const LoadedLive& loaded,
                                     const std::string& device, const LiveRow& row, const LogitsLog& log) {
  const std::vector<LiveRequest> requests = forced_requests(loaded, row);
  const auto session = make_live_session(setup_of(setup, device), loaded, requests);
  DeviceComparison comparison;
  comparison.device = session->device_info().name;
  std::vector<std::size_t> done(requests.size());
  const auto compare = [&](const NewToken& token) {
    const std::size_t position = done[token.request]++;
    const std::span<const float> found = log.at(token.request, position, token.logits.size());
    const double difference = relative_difference(found, token.logits);
    ++comparison.positions;
    comparison.other_tokens += largest_at(found) != largest_at(token.logits);
    if (difference <= comparison.largest_difference) return;
    comparison.largest_difference = difference;
    comparison.request = token.request;
    comparison.position = position;
  };
  ReplayCase all;
  all.slabs = session->weights().config().shape.grid.size();
  (void)session->run(all, compare);
  return comparison;
}

}  // namespace prophet
