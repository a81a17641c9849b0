#include "kernels/embed.hpp"

#include <algorithm>
#include <limits>

#include "kernels/float_rows.hpp"

namespace prophet::kernels {

Status embed(const Embedding& call) noexcept {
  if (!has_shape(call.table)) return Status::bad_shape;
  if (call.tokens == 0) return Status::ok;
  if (call.table.data == nullptr || call.ids == nullptr || call.output == nullptr)
    return Status::null_pointer;
  const std::size_t columns = call.table.columns;
  for (std::size_t t = 0; t < call.tokens; ++t) {
    float* const row = call.output + t * columns;
    const std::size_t id = call.ids[t];
    if (id >= call.table.rows) {
      std::fill_n(row, columns, std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    load_row(call.table.data, id * columns, call.table.format, columns, row);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
