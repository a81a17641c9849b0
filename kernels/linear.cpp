#include "kernels/linear.hpp"

#include <algorithm>
#include <array>

#include "kernels/row_products.hpp"

namespace prophet::kernels {
namespace {

ExpertFormat code_format(FloatFormat format) {
  if (format == FloatFormat::fp32) return ExpertFormat::fp32;
  return format == FloatFormat::fp16 ? ExpertFormat::fp16 : ExpertFormat::bf16;
}

/// The rows from `first` on; the last is repeated where there are fewer.
CodeRows code_rows(const Weights& weights, std::size_t first) {
  const std::size_t row_bytes = weights.columns * format_bytes(weights.format);
  CodeRows rows{.format = code_format(weights.format), .columns = weights.columns};
  for (std::size_t r = 0; r < product_rows; ++r) {
    const std::size_t row = std::min<std::size_t>(first + r, weights.rows - 1);
    rows.codes[r] = static_cast<const std::byte*>(weights.data) + row * row_bytes;
  }
  return rows;
}

/// `some` rows of the output from row `first` on, of tokens from `token` on.
void write(const Linear& call, const ProductSums& sums, std::size_t token, std::size_t tokens,
           std::size_t first, std::size_t some) {
  for (std::size_t r = 0; r < some; ++r) {
    const float bias = call.bias == nullptr ? 0.0F : load_as_float(call.bias, first + r, call.weights.format);
    for (std::size_t t = 0; t < tokens; ++t) {
      const float sum = sums.of[t][r] + bias;
      float& y = call.output[(token + t) * call.weights.rows + first + r];
      y = call.accumulate ? y + sum : sum;
    }
  }
}

}  // namespace

Status linear(const Linear& call) noexcept {
  if (!has_shape(call.weights)) return Status::bad_shape;
  if (call.tokens == 0) return Status::ok;
  if (call.weights.data == nullptr || call.input == nullptr || call.output == nullptr)
    return Status::null_pointer;
  std::array<const float*, product_tokens> x{};
  ProductSums sums;
  for (std::size_t first = 0; first < call.weights.rows; first += product_rows) {
    const CodeRows rows = code_rows(call.weights, first);
    const std::size_t some = std::min(product_rows, call.weights.rows - first);
    for (std::size_t token = 0; token < call.tokens; token += product_tokens) {
      const std::size_t tokens = std::min(product_tokens, call.tokens - token);
      for (std::size_t t = 0; t < tokens; ++t) x[t] = call.input + (token + t) * call.weights.columns;
      row_products(rows, {x.data(), tokens}, sums);
      write(call, sums, token, tokens, first, some);
    }
  }
  return Status::ok;
}

}  // namespace prophet::kernels
