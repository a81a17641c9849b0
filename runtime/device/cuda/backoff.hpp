#pragma once

#include <chrono>
#include <thread>

namespace prophet::cuda {

/// How the host waits for one of several events, for which CUDA has no call: it asks in turn and pauses in
/// between. At first it only gives way, because what it waits for in a decode step - a router, a chunk -
/// takes microseconds and the next token waits with it; after some rounds it sleeps, longer and longer up to
/// a limit, so that a long wait does not take a core. A host function behind each event could wake it
/// instead, but would be one more operation in the stream, which holds up what stands behind it.
class Backoff {
 public:
  void pause() {
    if (++rounds_ <= rounds_awake) {
      std::this_thread::yield();
      return;
    }
    std::this_thread::sleep_for(sleep_);
    if (sleep_ < sleep_max) sleep_ *= 2;
  }

 private:
  static constexpr unsigned rounds_awake = 2000;
  static constexpr std::chrono::microseconds sleep_max{100};
  unsigned rounds_ = 0;
  std::chrono::microseconds sleep_{5};
};

}  // namespace prophet::cuda
