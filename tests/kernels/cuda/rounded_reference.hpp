#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/expert_activation.hpp"
#include "kernels/expert_formats.hpp"
#include "tests/kernels/cuda/expert_lists.hpp"

namespace prophet::kernels_test {

/// What expert_ffn_blas() computes of 16 bits, step by step as its header says: operands, results of products
/// and the inner layer rounded to `format`, everything between them exact.
///
/// Sums in another order differ in fp32's last bits, which now and then rounds a value to its neighbour in
/// `format`. `tolerances` allow the output its own neighbour, and four of its largest term's.
struct RoundedReference {
  RoundedReference(const RoutedExperts& routed, kernels::ExpertActivation activation,
                   const HiddenStates& hidden, kernels::FloatFormat rounded_to)
      : layout(routed.layout), format(rounded_to) {
    for (std::size_t e = 0; e < routed.experts.size(); ++e) {
      const std::byte* slab = routed.experts[e].slab.data();
      for (std::uint32_t i = routed.first_row[e]; i < routed.first_row[e + 1]; ++i) {
        const float* x = hidden.values.data() + std::size_t{routed.rows[i]} * layout.shape.hidden_size;
        add_row(activation, slab, std::vector<float>(x, x + layout.shape.hidden_size));
      }
    }
  }

  std::vector<float> outputs;     ///< [rows, hidden_size]
  std::vector<float> tolerances;  ///< [rows, hidden_size]

 private:
  struct Product {
    double sum = 0;
    double largest_term = 0;
  };

  [[nodiscard]] float rounded(double value) const {
    std::byte bits[sizeof(float)];
    kernels::store_as(bits, 0, format, static_cast<float>(value));
    return kernels::load_as_float(bits, 0, format);
  }

  [[nodiscard]] Product product(const kernels::MatrixLayout& matrix, const std::byte* slab, std::size_t row,
                                const std::vector<float>& x) const {
    Product of;
    for (std::size_t column = 0; column < x.size(); ++column) {
      const float weight = rounded(decode_value(layout.shape.format, matrix, slab, row, column));
      const double term = double{weight} * double{rounded(x[column])};
      of.sum += term;
      of.largest_term = std::max(of.largest_term, std::abs(term));
    }
    return of;
  }

  [[nodiscard]] float bias(const kernels::MatrixLayout& matrix, const std::byte* slab,
                           std::size_t row) const {
    return layout.shape.has_bias ? decode_bias(layout.shape.format, matrix, slab, row) : 0.0F;
  }

  void add_row(kernels::ExpertActivation activation, const std::byte* slab, const std::vector<float>& x) {
    const auto projected = [&](const kernels::MatrixLayout& matrix, std::size_t row) {
      return rounded(product(matrix, slab, row, x).sum) + bias(matrix, slab, row);
    };
    std::vector<float> inner(layout.shape.width);
    for (std::size_t w = 0; w < inner.size(); ++w) {
      const float up = layout.shape.gated ? projected(layout.up, w) : 0.0F;
      inner[w] = rounded(activate(activation, projected(layout.gate, w), up));
    }
    const double neighbour = format == kernels::FloatFormat::bf16 ? 0x1p-7 : 0x1p-10;  // relative, at most
    for (std::size_t h = 0; h < layout.shape.hidden_size; ++h) {
      const Product out = product(layout.down, slab, h, inner);
      outputs.push_back(rounded(out.sum) + bias(layout.down, slab, h));
      tolerances.push_back(static_cast<float>(neighbour * (std::abs(out.sum) + 4 * out.largest_term)));
    }
  }

  const kernels::SlabLayout& layout;
  kernels::FloatFormat format;
};

}  // namespace prophet::kernels_test
