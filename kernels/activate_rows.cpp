#include "kernels/activate_rows.hpp"

#include <cstddef>

namespace prophet::kernels {

Status activate_rows(const ActivatedRows& call) noexcept {
  if (!is_known(call.activation)) return Status::bad_shape;
  if (call.values == 0) return Status::ok;
  const bool gated = is_gated(call.activation);
  if (call.gate == nullptr || (gated && call.up == nullptr)) return Status::null_pointer;
  for (std::size_t i = 0; i < call.values; ++i)
    call.gate[i] = activate(call.activation, call.gate[i], gated ? call.up[i] : 0.0F);
  return Status::ok;
}

}  // namespace prophet::kernels
