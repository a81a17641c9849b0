#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/mrt1.hpp"
#include "runtime/trace/trace_writer.hpp"
#include "tests/trace/trace_samples.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROPHET_TEST_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PROPHET_TEST_SANITIZED 1
#endif

namespace prophet::testing {
namespace {

constexpr std::uint64_t tokens = 250'000;
constexpr std::uint64_t layers = 24;
constexpr std::uint64_t top_k = 4;
constexpr std::uint64_t ids = tokens * layers * top_k;
constexpr std::uint64_t allowance_bytes = 64ULL << 20;

std::uint64_t peak_bytes_of_this_process() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

/// What `work` adds to the peak of resident memory, measured in a child so that nothing freed before is used
/// again unseen. 0 when the child failed.
std::uint64_t peak_bytes_added(const std::function<void()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const auto child = fork();
  if (child == 0) {
    std::uint64_t added = 0;
    try {
      const auto before = peak_bytes_of_this_process();
      work();
      added = peak_bytes_of_this_process() - before;
    } catch (...) {
      added = 0;
    }
    const auto wrote = write(ends[1], &added, sizeof added);
    _exit(wrote == sizeof added ? 0 : 1);
  }
  close(ends[1]);
  std::uint64_t added = 0;
  if (read(ends[0], &added, sizeof added) != sizeof added) added = 0;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return added;
}

/// A big trace that packs well: every token alike, the weights in bf16.
RoutingTrace big_trace() {
  std::vector<std::byte> expert_ids(ids);
  for (std::size_t at = 0; at < expert_ids.size(); ++at) expert_ids[at] = std::byte(at % top_k);
  return RoutingTrace({{layers, 32}, top_k, 0, 1}, {"m", "s", "l", "", false}, {{0, tokens, 0, 0}},
                      std::move(expert_ids), std::vector<float>(ids, 0.25F));
}

void expect_bounded(const std::filesystem::path& path, std::uint64_t claimed_bytes) {
  const auto added = peak_bytes_added([&] { static_cast<void>(load_trace(path)); });
  std::cout << path.filename().string() << ": unpacked " << (claimed_bytes >> 20) << " MiB, peak added "
            << (added >> 20) << " MiB, allowed " << ((2 * claimed_bytes + allowance_bytes) >> 20) << " MiB\n";
  EXPECT_GT(added, claimed_bytes) << "the measurement itself does not work";
  EXPECT_LT(added, 2 * claimed_bytes + allowance_bytes);
}

TEST(LoadMemory, StaysBelowTwiceTheUnpackedSize) {
#ifdef PROPHET_TEST_SANITIZED
  GTEST_SKIP() << "a sanitizer's own memory hides what is measured";
#endif
  TemporaryFolder folder;
  {
    const auto trace = big_trace();
    write_trace(folder / "t.ptrace", trace);
    export_mrt1(trace, folder / "t.mrt.xz");
  }
  expect_bounded(folder / "t.ptrace", 3 * ids);
  expect_bounded(folder / "t.mrt.xz", 3 * ids);
}

TEST(LoadMemory, ASmallFileThatClaimsGigabytesTakesOnlyAFewMegabytes) {
#ifdef PROPHET_TEST_SANITIZED
  GTEST_SKIP() << "a sanitizer's own memory hides what is measured";
#endif
  TemporaryFolder folder;
  write_bytes(folder / "t.mrt.xz", xz_packed(patched(small_mrt1(false), 24, 1U << 30)));
  const auto added = peak_bytes_added([&] {
    try {
      static_cast<void>(load_trace(folder / "t.mrt.xz"));
    } catch (const std::exception&) {
      return;
    }
  });
  EXPECT_LT(added, 32U << 20);
}

}  // namespace
}  // namespace prophet::testing
