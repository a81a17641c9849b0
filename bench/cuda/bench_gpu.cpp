#include "bench/cuda/bench_gpu.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/device/cpu/clock.hpp"

namespace prophet::measure {
namespace {

constexpr const char* where = "measure";

MeasuredGpu describe(const cuda::Gpu& gpu, cuda::Status& status) {
  MeasuredGpu facts;
  facts.name = gpu.name;
  facts.ordinal = gpu.ordinal;
  facts.memory_bytes = gpu.total_bytes;
  int l2_bytes = 0;
  status.check(cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, gpu.ordinal),
               "cudaDeviceGetAttribute", where);
  facts.l2_bytes = static_cast<std::uint64_t>(std::max(0, l2_bytes));
  facts.compute_major = gpu.figures.major;
  facts.compute_minor = gpu.figures.minor;
  facts.peak_rates = cuda::peak_rates(gpu.figures);
#ifdef PROPHET_CUDA_ON_CPU
  facts.times_mean_something = false;
#endif
  return facts;
}

/// Long enough to write that what is submitted meanwhile waits for it, and the caches hold nothing else.
std::uint64_t swept_bytes(const MeasuredGpu& facts) {
  if (!facts.times_mean_something) return 64U << 10;  // nothing is timed there
  constexpr std::uint64_t at_least = 512ULL << 20;
  return std::max(at_least, 2 * facts.l2_bytes);
}

Timing timing_of(const std::vector<Sample>& samples, std::uint64_t Sample::*part) {
  std::vector<std::uint64_t> values;
  values.reserve(samples.size());
  for (const Sample& sample : samples) values.push_back(sample.*part);
  return summarise(std::move(values));
}

}  // namespace

BenchGpu::BenchGpu(int ordinal)
    : gpu_(cuda::open_gpu(ordinal)),
      facts_(describe(gpu_, status_)),
      stream_(status_, gpu_.priorities.compute),
      begin_(status_, cudaEventDefault),
      end_(status_, cudaEventDefault),
      swept_(swept_bytes(facts_), status_, where) {}

Sample BenchGpu::time_once(const Launch& launch, Before before, const char* what) {
  Sample sample;
  if (before == Before::cache_swept) {
    status_.check(cudaMemsetAsync(swept_.data(), 0, swept_.size_bytes(), stream()), "cudaMemsetAsync", what);
  }
  status_.check(cudaEventRecord(begin_.get(), stream()), "cudaEventRecord", what);
  const std::uint64_t begin_ns = cpu::monotonic_ns();
  status_.check(launch(stream()), what, where);
  sample.submit_ns = cpu::monotonic_ns() - begin_ns;
  status_.check(cudaEventRecord(end_.get(), stream()), "cudaEventRecord", what);
  synchronize(what);
  float milliseconds = 0;
  status_.check(cudaEventElapsedTime(&milliseconds, begin_.get(), end_.get()), "cudaEventElapsedTime", what);
  sample.device_ns = static_cast<std::uint64_t>(std::llround(std::max(0.0F, milliseconds) * 1e6));
  return sample;
}

std::vector<Sample> BenchGpu::time(const Launch& launch, Before before, const Repetitions& repetitions,
                                   const char* what) {
  for (std::uint32_t i = 0; i < repetitions.untimed; ++i) time_once(launch, before, what);
  std::vector<Sample> samples;
  samples.reserve(repetitions.timed);
  for (std::uint32_t i = 0; i < repetitions.timed; ++i) samples.push_back(time_once(launch, before, what));
  return samples;
}

void BenchGpu::synchronize(const char* what) {
  status_.check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize", what);
}

void BenchGpu::drain() noexcept {
  if (!status_.lost()) status_.note(cudaStreamSynchronize(stream()), "cudaStreamSynchronize", where);
}

Timing device_timing(const std::vector<Sample>& samples) {
  return timing_of(samples, &Sample::device_ns);
}

Timing submit_timing(const std::vector<Sample>& samples) {
  return timing_of(samples, &Sample::submit_ns);
}

}  // namespace prophet::measure
