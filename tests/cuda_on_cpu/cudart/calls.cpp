#include "tests/cuda_on_cpu/cudart/calls.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"
#include "tests/cuda_on_cpu/cudart/scheduler.hpp"

namespace prophet::cuda_on_cpu {
namespace {

struct Fault {
  std::string function;  ///< empty: any
  std::uint64_t remaining = 0;
  cudaError_t error = cudaSuccess;
  Told told = Told::by_waiting;
};

/// Of a process whose tests are outside of it: PROPHET_CUDA_ON_CPU_FAIL=FUNCTION:N:ERROR, as fail_call takes
/// them; the function "operation" stands for what fail_operation takes.
constexpr const char* operation = "operation";

std::vector<Fault> faults_of_the_environment(bool of_operations) {
  const char* text = std::getenv("PROPHET_CUDA_ON_CPU_FAIL");
  std::istringstream fields(text == nullptr ? "" : text);
  Fault fault;
  char colon = 0;
  int error = 0;
  if (!std::getline(fields, fault.function, ':') || !(fields >> fault.remaining >> colon >> error)) return {};
  if ((fault.function == operation) != of_operations) return {};
  fault.error = static_cast<cudaError_t>(error);
  return {fault};
}

struct State {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> calls;
  std::vector<Fault> call_faults = faults_of_the_environment(false);
  std::vector<Fault> operation_faults = faults_of_the_environment(true);
  std::uint64_t operations = 0;
  cudaError_t sticky = cudaSuccess;
  cudaError_t late = cudaSuccess;
  Told late_told = Told::by_waiting;
};

/// Never destroyed: workers may still run while the process ends.
State& state() {
  static State& instance = *new State;
  return instance;
}

thread_local cudaError_t last = cudaSuccess;

/// Counts one event down in every fault that it concerns, and removes the first that is due.
Fault due(std::vector<Fault>& faults, const std::string& function) {
  Fault first;
  for (auto fault = faults.begin(); fault != faults.end();) {
    const bool concerned = fault->function.empty() || fault->function == function;
    if (!concerned || --fault->remaining != 0) {
      ++fault;
      continue;
    }
    if (first.error == cudaSuccess) first = *fault;
    fault = faults.erase(fault);
  }
  return first;
}

void latch(State& all, cudaError_t error) {
  if (all.sticky == cudaSuccess && is_sticky(error)) all.sticky = error;
}

}  // namespace

cudaError_t begin_call(const char* function) {
  State& all = state();
  const QuietLock lock(all.mutex);
  ++all.calls[function];
  const cudaError_t fault = due(all.call_faults, function).error;
  latch(all, fault);
  if (all.sticky != cudaSuccess) return all.sticky;
  if (fault != cudaSuccess || all.late_told == Told::by_waiting) return fault;
  return std::exchange(all.late, cudaSuccess);
}

cudaError_t end_call(cudaError_t result) {
  if (result != cudaSuccess) last = result;
  return result;
}

cudaError_t begin_operation() {
  State& all = state();
  const QuietLock lock(all.mutex);
  ++all.operations;
  const Fault fault = due(all.operation_faults, operation);
  if (all.sticky != cudaSuccess) return all.sticky;
  if (fault.error != cudaSuccess) all.late_told = fault.told;
  return fault.error;
}

void report_late_error(cudaError_t error) {
  State& all = state();
  const QuietLock lock(all.mutex);
  latch(all, error);
  if (all.late == cudaSuccess) all.late = error;
}

cudaError_t take_late_error() {
  State& all = state();
  const QuietLock lock(all.mutex);
  if (all.sticky != cudaSuccess) return all.sticky;
  return std::exchange(all.late, cudaSuccess);
}

cudaError_t last_error(bool forget) {
  State& all = state();
  const QuietLock lock(all.mutex);
  if (all.sticky != cudaSuccess) return all.sticky;
  const cudaError_t result = last;
  if (forget) last = cudaSuccess;
  return result;
}

std::map<std::string, std::uint64_t> calls() {
  State& all = state();
  const QuietLock lock(all.mutex);
  return all.calls;
}

void forget_calls() {
  State& all = state();
  const QuietLock lock(all.mutex);
  all.calls.clear();
  all.operations = 0;
}

void fail_call(const std::string& function, std::uint64_t nth, cudaError_t error) {
  State& all = state();
  const QuietLock lock(all.mutex);
  all.call_faults.push_back({function, nth, error, Told::by_waiting});
}

void fail_any_call(std::uint64_t nth, cudaError_t error) {
  fail_call("", nth, error);
}

void fail_operation(std::uint64_t nth, cudaError_t error, Told told) {
  State& all = state();
  const QuietLock lock(all.mutex);
  all.operation_faults.push_back({operation, nth, error, told});
}

std::uint64_t operations() {
  State& all = state();
  const QuietLock lock(all.mutex);
  return all.operations;
}

bool is_sticky(cudaError_t error) {
  // What cuda_runtime_api.h says of these: "the process must be terminated and relaunched".
  constexpr std::array sticky = {
      cudaErrorECCUncorrectable,    cudaErrorNvlinkUncorrectable, cudaErrorContained,
      cudaErrorIllegalAddress,      cudaErrorLaunchTimeout,       cudaErrorAssert,
      cudaErrorHardwareStackError,  cudaErrorIllegalInstruction,  cudaErrorMisalignedAddress,
      cudaErrorInvalidAddressSpace, cudaErrorInvalidPc,           cudaErrorLaunchFailure,
      cudaErrorTensorMemoryLeak,    cudaErrorMpsClientTerminated, cudaErrorExternalDevice,
  };
  return std::find(sticky.begin(), sticky.end(), error) != sticky.end();
}

void clear_faults() {
  State& all = state();
  // What is queued behind a sticky error must find it, or it would run now that nobody waits for it any more.
  const bool ruined = [&] {
    const QuietLock lock(all.mutex);
    return all.sticky != cudaSuccess;
  }();
  if (ruined) Scheduler::instance().wait_for_all();
  const QuietLock lock(all.mutex);
  all.call_faults.clear();
  all.operation_faults.clear();
  all.sticky = cudaSuccess;
  all.late = cudaSuccess;
  all.late_told = Told::by_waiting;
  last = cudaSuccess;
}

}  // namespace prophet::cuda_on_cpu
