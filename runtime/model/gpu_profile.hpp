#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace prophet {

/// What a profile without vector_flops_per_s is taken to reach: flops_per_s over this, as the data sheets of
/// A100 and H100 have it (312 / 19.5 and 989 / 67).
inline constexpr double matrix_to_vector_rate = 16;

/// What a profile that says nothing of its host is taken to have: the shipped profiles' hosts read memory 4.4
/// to 6.6 times as fast as their links carry it, and a core of theirs multiplies and adds about so fast.
inline constexpr double host_memory_to_link_rate = 4;
inline constexpr std::uint64_t host_cores_unless_stated = 16;
inline constexpr double host_flops_per_core = 32e9;
/// And of its link when kernels read over it, which on an H100 is 35.2 of 55.6 GB/s.
inline constexpr double zero_copy_share_of_link = 0.63;

/// What the sim device knows of a machine. All rates are what a program can reach, not a data sheet's peak,
/// and every number of a shipped profile carries its source in the profile's file.
struct GpuProfile {
  std::string name;                       ///< "h100-80gb"
  std::uint64_t memory_bytes = 0;         ///< what a program can allocate at most
  double memory_bytes_per_s = 0;          ///< HBM read bandwidth that a large kernel reaches
  double flops_per_s = 0;                 ///< dense bf16 multiply-adds count as two
  double vector_flops_per_s = 0;          ///< fp32 outside of matrix units, likewise; the sim does not use it
  double link_bytes_per_s = 0;            ///< host to device, pinned, one copy engine
  double link_down_bytes_per_s = 0;       ///< device to host
  std::uint64_t copy_latency_ns = 0;      ///< from the copy's turn on the engine to its first byte
  std::uint64_t launch_latency_ns = 0;    ///< gap that each kernel adds on the compute stream
  std::uint64_t event_latency_ns = 0;     ///< from an event's completion to a waiting stream's next operation
  std::uint64_t host_submit_ns = 0;       ///< host time of one submission (copy, launch, record, wait)
  std::uint64_t host_wake_ns = 0;         ///< from an event's completion to the host that waits for it
  double copy_rate_while_computing = 1;   ///< share of link rate left while the compute stream is busy
  double compute_rate_while_copying = 1;  ///< share of compute rate left while a copy is in progress
  double host_memory_bytes_per_s = 0;  ///< what the host's cores read together from the memory near the GPU
  std::uint64_t host_cores = 0;        ///< that may compute experts; they make up host_flops_per_s
  double host_flops_per_s = 0;         ///< of all of them, fp32 multiply-adds count as two
  double zero_copy_bytes_per_s = 0;    ///< pinned host memory as kernels read it over the link
  double peer_bytes_per_s = 0;  ///< to other GPUs of the machine, one way; 0: not known; not of the sim
  bool measured = false;        ///< written by `prophet calibrate`, not shipped
  friend bool operator==(const GpuProfile&, const GpuProfile&) = default;
};

/// One number of a profile's file and what it rests on.
struct ProfileFigure {
  std::string field;  ///< the member of GpuProfile
  double value = 0;
  std::string source;  ///< empty when the file gives the bare number
};

/// Names of the shipped profiles.
[[nodiscard]] std::vector<std::string> gpu_profile_names();

/// A shipped profile's name (case does not matter) or the path of a profile file. Throws Error{no_device} for
/// an unknown name, listing the known ones, and Error{bad_input} for a file with absent or absurd numbers.
[[nodiscard]] GpuProfile load_gpu_profile(std::string_view name_or_path);

/// The numbers of the same profile with their sources, in the order of GpuProfile. Throws likewise.
[[nodiscard]] std::vector<ProfileFigure> gpu_profile_figures(std::string_view name_or_path);

/// The same profile with the numbers of its host that are 0 set to what a profile that does not state them is
/// taken to have. REQUIRES: link_bytes_per_s is set.
[[nodiscard]] GpuProfile with_host_figures(GpuProfile profile);

/// Parses the JSON text of a profile; `where` stands in error sentences. A number is written bare or as
/// {"value": number, "source": text}. Numbers that older files lack are taken from others: vector_flops_per_s
/// is flops_per_s over matrix_to_vector_rate, and those of the host are as with_host_figures has them.
/// Without peer_bytes_per_s it is not known.
[[nodiscard]] GpuProfile parse_gpu_profile(std::string_view json_text, std::string_view where);

/// What the numbers of a written profile rest on.
struct ProfileSources {
  std::string all;                        ///< of those without their own; empty: only whether it was measured
  std::map<std::string, std::string> of;  ///< by the field's name
};

/// The JSON text that parse_gpu_profile reads back to an equal profile. Throws Error{bad_input} for a profile
/// that it would refuse.
[[nodiscard]] std::string gpu_profile_json(const GpuProfile& profile, const ProfileSources& sources = {});

}  // namespace prophet
