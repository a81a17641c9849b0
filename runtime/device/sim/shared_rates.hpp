#pragma once

#include <array>
#include <cstdint>

#include "runtime/device/sim/timing.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet::sim {

/// What is left of an engine's own rate while others run:
///   compute and copy up   compute_rate_while_copying and copy_rate_while_computing of the profile
///   the link              a copy up and an expert read in place share its link_bytes_per_s in proportion to
///   what
///                         each takes alone
///   the host's memory     the host's cores share host_memory_bytes_per_s with what leaves over the link, in
///                         proportion likewise: with M for the cores and L for the link, each goes at M / (M
///                         + L) of its own rate. (On a host with M near 115 GB/s and L of 56, 37 to 42 and 70
///                         to 77 GB/s were measured at once, colibri issue 537; this says 38 and 77.)
/// Copies down share nothing. An engine's own rate is that of its operation, whatever bounds it.
class SharedRates {
 public:
  static constexpr unsigned fraction_bits = 16;
  static constexpr std::uint64_t full_rate = 1ULL << fraction_bits;

  struct Running {
    std::array<bool, engines> engine{};
    bool in_place = false;  ///< of compute: it reads over the link
  };

  explicit SharedRates(const GpuProfile& profile);

  /// [2^-16] of its own rate. REQUIRES: the engine runs.
  [[nodiscard]] std::uint64_t of(Engine engine, const Running& running) const noexcept {
    return rates_[index_of(running)][static_cast<std::size_t>(engine)];
  }

 private:
  static constexpr std::size_t states = 16;
  static std::size_t index_of(const Running& running) noexcept;

  std::array<std::array<std::uint64_t, engines>, states> rates_{};
};

}  // namespace prophet::sim
