#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/cuda_on_cpu/simt/executor.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::simt_test {

constexpr unsigned all_lanes = 0xFFFFFFFFU;

/// Orders of threads under which a promise is tried: ascending, descending, and some random ones.
inline const std::vector<std::uint64_t>& seeds() {
  static const std::vector<std::uint64_t> tried = [] {
    const std::uint64_t fresh = testing::fresh_seed() % 1'000'000'000;
    return std::vector<std::uint64_t>{0, 1, fresh + 2, fresh + 3, fresh + 4};
  }();
  return tried;
}

/// Runs on the executor itself, without the CUDA runtime in between. Each test begins with ascending order.
class SimtTest : public ::testing::Test {
 protected:
  SimtTest() {
    // A child of fork has none of the executor's workers; one that starts afresh has.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
  void SetUp() override {
    before_ = simt::options();
    simt::set_seed(0);
  }
  void TearDown() override {
    simt::set_seed(before_.seed);
    simt::set_workers(before_.workers);
  }

  static void run(dim3 grid, dim3 block, const std::function<void()>& thread, std::size_t shared_bytes = 0) {
    simt::run_grid(grid, block, shared_bytes, thread);
  }

  /// For tests that plant a race of values: ThreadSanitizer would report it, and simt_race_test.cu is for
  /// that.
  [[nodiscard]] static bool races_are_reported() { return simt::under_tsan(); }

  /// `check` under every order; stops at the first that fails.
  static void under_every_order(const std::function<void()>& check) {
    for (const std::uint64_t seed : seeds()) {
      SCOPED_TRACE(::testing::Message() << "PROPHET_SIMT_SEED=" << seed);
      simt::set_seed(seed);
      check();
      if (HasFailure()) return;
    }
  }

  /// In how many of the orders `holds` is false.
  static std::size_t orders_that_fail(const std::function<bool()>& holds) {
    std::size_t failures = 0;
    for (const std::uint64_t seed : seeds()) {
      simt::set_seed(seed);
      if (!holds()) ++failures;
    }
    return failures;
  }

 private:
  simt::Options before_;
};

}  // namespace prophet::simt_test
