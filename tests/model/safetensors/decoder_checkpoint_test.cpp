#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "runtime/model/checkpoint.hpp"
#include "runtime/model/decoder_tensors.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"
#include "tests/model/test_data.hpp"

namespace prophet {
namespace {

/// The checkpoints of live decoding's tests, which transformers saved.
std::vector<std::filesystem::path> checkpoints() {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::data_folder().parent_path() / "live/models")) {
    if (std::filesystem::exists(entry.path() / "config.json")) folders.push_back(entry.path());
  }
  return folders;
}

TEST(DecoderCheckpoint, HoldsWhatItsConfigAsksForAndNothingElse) {
  EXPECT_GE(checkpoints().size(), 3U);
  for (const auto& folder : checkpoints()) {
    SCOPED_TRACE(folder.string());
    const auto config = load_decoder_config(folder);
    const Checkpoint checkpoint(folder);
    const std::vector<TensorDtype> floats{TensorDtype::bf16, TensorDtype::f16, TensorDtype::f32};
    const auto needed = requirements(tensor_names(config), floats);
    EXPECT_NO_THROW(checkpoint.require(needed));
    EXPECT_EQ(checkpoint.tensors(), needed.size());
    EXPECT_TRUE(checkpoint.notes().empty());
  }
}

TEST(DecoderCheckpoint, HasFiniteValues) {
  for (const auto& folder : checkpoints()) {
    SCOPED_TRACE(folder.string());
    const Checkpoint checkpoint(folder);
    for (const auto name : checkpoint.names()) {
      const auto tensor = checkpoint.at(name);
      std::vector<float> values(tensor.bytes.size() * 8 / tensor_dtype_bits(tensor.dtype));
      copy_values(tensor, values);
      for (const auto value : values) ASSERT_LT(std::abs(value), 100.0F) << name;
    }
  }
}

}  // namespace
}  // namespace prophet
