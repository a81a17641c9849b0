#include "kernels/cuda/paged_partials.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::cuda::MergeCall;
using kernels::cuda::split_tokens;
using testing::fresh_seed;
using testing::random_floats;

class CudaPagedPartials : public OnDevice {};

/// What the splits of some heads of one sequence have left.
struct LeftBySplits {
  LeftBySplits(Random& random, std::uint32_t of_heads, std::uint32_t of_splits, std::uint32_t of_dim)
      : heads(of_heads),
        splits(of_splits),
        dim(of_dim),
        values(random_floats(random, std::size_t{heads} * splits * dim)),
        largest(random_floats(random, std::size_t{heads} * splits)),
        weight(random_floats(random, std::size_t{heads} * splits)) {
    for (float& value : weight) value = 1 + std::fabs(value);
  }
  /// As the workspace has it.
  [[nodiscard]] std::vector<float> workspace() const {
    std::vector<float> all = values;
    all.insert(all.end(), largest.begin(), largest.end());
    all.insert(all.end(), weight.begin(), weight.end());
    return all;
  }
  [[nodiscard]] double merged(std::size_t head, std::size_t column) const {
    const auto first = largest.begin() + static_cast<std::ptrdiff_t>(head * splits);
    const double most = *std::max_element(first, first + splits);
    double sum = 0;
    double weights = 0;
    for (std::size_t s = head * splits; s < (head + 1) * splits; ++s) {
      const double factor = std::exp(double{largest[s]} - most);
      sum += values[s * dim + column] * factor;
      weights += weight[s] * factor;
    }
    return sum / weights;
  }

  std::uint32_t heads, splits, dim;
  std::vector<float> values, largest, weight;
};

TEST_F(CudaPagedPartials, MergesAnyNumberOfSplits) {
  Random random(fresh_seed());
  for (const std::uint32_t splits : {1U, 7U, 15U, 16U, 17U, 31U, 32U, 53U}) {
    const auto heads = static_cast<std::uint32_t>(1 + random.below(3));
    const auto dim = static_cast<std::uint32_t>(16 * (1 + random.below(12)));
    SCOPED_TRACE(::testing::Message() << splits << " splits of " << heads << " heads of " << dim);
    const LeftBySplits left(random, heads, splits, dim);
    const DeviceArray<float> workspace(left.workspace());
    const std::uint32_t context =
        splits * split_tokens - static_cast<std::uint32_t>(random.below(split_tokens));
    const DeviceArray<std::uint32_t> contexts(std::vector<std::uint32_t>{context});
    const DeviceArray<float> output(std::size_t{heads} * dim);
    const MergeCall call{.context_tokens = contexts.data(),
                         .context_tokens_max = context,
                         .output = output.data(),
                         .output_format = kernels::FloatFormat::fp32,
                         .sequences = 1,
                         .heads = heads,
                         .dim = dim};
    expect_ok(kernels::cuda::merge_partials(
        kernels::cuda::cut_workspace(workspace.data(), 1, heads, splits, dim), call, nullptr));
    const std::vector<float> found = output.read();
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], left.merged(i / dim, i % dim), 1e-5) << "head " << i / dim << ", " << i % dim;
  }
}

}  // namespace
}  // namespace prophet::kernels_test
