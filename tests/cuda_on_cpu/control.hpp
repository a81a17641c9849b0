#pragma once

#include <driver_types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

/// What a test may ask of the CPU implementation of CUDA beyond CUDA's own calls: the machine that it plays,
/// faults, and what is still alive. Every function may be called from any thread. See README.md in this
/// folder.
namespace prophet::cuda_on_cpu {

/// The machine. The first values come from the environment (see README.md); set_machine replaces them, and
/// must be called while nothing is alive and nothing runs.
struct Machine {
  int device_count = 1;      ///< 0 to 8
  int capability_major = 9;  ///< compute capability
  int capability_minor = 0;
  std::size_t memory_bytes = std::size_t{8} << 30;     ///< of each device
  std::size_t context_bytes = std::size_t{448} << 20;  ///< of these, taken by the context itself
  std::size_t granularity_bytes = 512;  ///< cudaMalloc takes its capacity in multiples of it; 512 or more
  unsigned jitter_us = 0;               ///< every operation waits a random time below this before it runs
  bool strict = false;  ///< operations run only in synchronising calls; device memory faults outside them
  bool eager = false;  ///< an operation is over when the call that submits it returns: the fastest of devices
  std::uint64_t seed = 1;  ///< of the order of operations, of graph nodes and of jitter
};
[[nodiscard]] Machine machine();
void set_machine(const Machine& machine);

/// What was created and not yet destroyed.
struct LiveObjects {
  std::size_t device_buffers = 0;
  std::size_t device_bytes = 0;
  std::size_t pinned_buffers = 0;  ///< allocated or registered
  std::size_t streams = 0;
  std::size_t events = 0;
  std::size_t graphs = 0;
  std::size_t graph_execs = 0;
  std::size_t vmm_handles = 0;
  std::size_t vmm_mappings = 0;
  std::size_t vmm_reservations = 0;
  std::size_t cublas_handles = 0;

  bool operator==(const LiveObjects&) const = default;
};
[[nodiscard]] LiveObjects live_objects();
/// Such as "1 stream, 2 events"; empty when nothing is alive.
[[nodiscard]] std::string to_string(const LiveObjects& live);

/// Calls by name since the last forget_calls, failed ones included: each is a site at which a fault can be
/// set.
[[nodiscard]] std::map<std::string, std::uint64_t> calls();
void forget_calls();

/// The n-th call of the function from now on (1 is the next) returns `error` and does nothing else; a call
/// that releases something releases it all the same, as CUDA's own do when they return an earlier error.
/// Driver calls return the CUresult of the same number. A sticky error stays for every later call. Faults add
/// up until they happen or clear_faults.
void fail_call(const std::string& function, std::uint64_t nth, cudaError_t error);

/// The n-th call of any function from now on.
void fail_any_call(std::uint64_t nth, cudaError_t error);

/// Who hears of an operation that failed while it ran. CUDA says of most of its calls that they "may also
/// return error codes from previous, asynchronous launches".
enum class Told : std::uint8_t {
  by_waiting,   ///< the next call that waits for the device, or asks an event that it has passed
  by_any_call,  ///< the next call of any name, which then does nothing else, unless it releases something
};

/// The n-th operation (copy, fill, kernel, graph launch or host function) that comes to run from now on does
/// not, and a later call returns `error`. A sticky error stays, and what is queued then no longer runs;
/// behind any other error the device goes on as if the operation had been made.
void fail_operation(std::uint64_t nth, cudaError_t error, Told told = Told::by_waiting);

/// Operations that came to run since the last forget_calls.
[[nodiscard]] std::uint64_t operations();

/// True for the errors after which CUDA says that the process must end (illegal address, launch failure, ECC,
/// ...).
[[nodiscard]] bool is_sticky(cudaError_t error);

/// Takes back all faults that have not happened, and every error that has. No GPU can do the latter.
void clear_faults();

}  // namespace prophet::cuda_on_cpu
