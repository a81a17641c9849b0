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
  bool measured = false;                  ///< written by `prophet calibrate`, not shipped
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

/// Parses the JSON text of a profile; `where` stands in error sentences. A number is written bare or as
/// {"value": number, "source": text}. Files older than vector_flops_per_s have no such number: it is then
/// flops_per_s over matrix_to_vector_rate.
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
