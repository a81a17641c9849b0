#pragma once

#include <array>
#include <cstdint>

namespace prophet::analytic {

/// How a model is kept on a device.
enum class Approach : std::uint8_t {
  all_resident,  ///< every expert stays
  prophet,       ///< a forecast cache: as many experts of a layer as the batch needs by the study's law
  static_hot,    ///< as many experts, the most popular ones; they never change
  offload,       ///< no expert stays: those of a layer arrive while the layer before computes
  int8,          ///< every expert stays, in int8
  int4,          ///< in int4
  prophet_int8,  ///< the forecast cache with experts in int8
};

inline constexpr std::array approaches = {Approach::all_resident, Approach::prophet, Approach::static_hot,
                                          Approach::offload,      Approach::int8,    Approach::int4,
                                          Approach::prophet_int8};

/// The key in results: "all_resident".
[[nodiscard]] constexpr const char* approach_name(Approach approach) noexcept {
  constexpr std::array names = {"all_resident", "prophet", "static_hot",  "offload",
                                "int8",         "int4",    "prophet_int8"};
  return names[static_cast<std::size_t>(approach)];
}

}  // namespace prophet::analytic
