#include "runtime/device/cpu/host_team.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/device/cpu/host_threads.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::cpu {
namespace {

using kernels::Part;
using testing::fresh_seed;

/// Runs an operation of `count` parts that reads what the caller wrote and that the caller reads. Plain
/// numbers, so that ThreadSanitizer sees what the team does not order.
void expect_each_part_once(HostTeam& team, std::size_t count, std::uint64_t salt) {
  std::vector<std::uint64_t> given(count);
  std::vector<std::uint64_t> computed(count);
  for (std::size_t i = 0; i < count; ++i) given[i] = salt + i;
  const auto compute = [&](std::size_t part) {
    // Some take longer, so that the caller is through with its own while another thread is not.
    if (given[part] % 32 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    computed[part] += 1 + given[part];
  };
  team.run(count, Part(compute));
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(computed[i], 1 + salt + i) << "part " << i;
}

TEST(HostTeam, ComputesEachPartOnceWithHoweverManyThreads) {
  Random random(fresh_seed());
  for (const std::uint32_t threads : {1U, 2U, 3U, 8U}) {
    HostTeam team(threads);
    for (std::uint64_t job = testing_support::random_operations(1000); job != 0; --job) {
      ASSERT_NO_FATAL_FAILURE(expect_each_part_once(team, random.below(40), random.next() >> 1U));
      if (random.chance(0.01)) std::this_thread::sleep_for(std::chrono::microseconds(random.below(200)));
    }
  }
}

/// A part of each thread that waits until all have begun: ends only when so many compute at once.
void expect_all_at_once(HostTeam& team, std::size_t threads) {
  std::atomic<std::size_t> begun{0};
  const auto compute = [&](std::size_t) {
    ++begun;
    while (begun < threads) std::this_thread::yield();
  };
  team.run(threads, Part(compute));
  EXPECT_EQ(begun, threads);
}

TEST(HostTeam, ItsThreadsComputeAtOnceAwakeOrAsleep) {
  HostTeam team(3);
  for (int round = 0; round < 20; ++round) {
    expect_all_at_once(team, 3);
    if (round % 2 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    expect_all_at_once(team, 2);
  }
}

TEST(HostTeam, DisbandedBesideARunItsCallerComputesTheRest) {
  for (std::uint64_t round = testing_support::random_operations(60); round != 0; --round) {
    HostTeam team(3);
    std::atomic<bool> running{false};
    std::thread caller([&] {
      for (std::uint64_t job = 0; job < 50; ++job) {
        expect_each_part_once(team, 16, job);
        running = true;
      }
    });
    while (!running) std::this_thread::yield();
    team.disband();
    caller.join();
    expect_each_part_once(team, 16, 5);
  }
}

TEST(HostTeam, ThreadsAreThoseAskedForOrAsManyAsThereAreCores) {
  EXPECT_EQ(host_threads(1), 1U);
  EXPECT_EQ(host_threads(limits::host_threads_max), limits::host_threads_max);
  EXPECT_GE(host_threads(0), 1U);
  EXPECT_LE(host_threads(0), limits::host_threads_max);
  try {
    static_cast<void>(host_threads(limits::host_threads_max + 1));
    FAIL() << "more were granted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
  }
}

}  // namespace
}  // namespace prophet::cpu
