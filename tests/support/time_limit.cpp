#include "tests/support/time_limit.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace prophet::testing {

TimeLimit::TimeLimit(std::chrono::seconds limit, std::string what)
    : watcher_([this, limit, text = std::move(what)] { watch(limit, text); }) {}

TimeLimit::~TimeLimit() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_one();
  watcher_.join();
}

void TimeLimit::watch(std::chrono::seconds limit, const std::string& what) {
  std::unique_lock lock(mutex_);
  if (ended_.wait_for(lock, limit, [this] { return over_; })) return;
  std::fprintf(stderr, "hangs for %lld s: %s\n", static_cast<long long>(limit.count()), what.c_str());
  std::abort();
}

}  // namespace prophet::testing
