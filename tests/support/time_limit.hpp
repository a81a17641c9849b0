#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace prophet::testing {

/// While it lives, a clock runs: a test that hangs longer than the limit ends the process and says in what. A
/// test runner's own limit is for all of a test, and does not know.
class TimeLimit {
 public:
  TimeLimit(std::chrono::seconds limit, std::string what);
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  ~TimeLimit();

 private:
  void watch(std::chrono::seconds limit, const std::string& what);

  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread watcher_;
};

}  // namespace prophet::testing
