#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/safetensors_writer.hpp"

namespace prophet::testing {

/// A folder with a copy of a model whose tensors have been changed; one file, whatever the model had. Gone
/// with the object.
class RewrittenModel {
 public:
  using Change = std::function<void(std::vector<WrittenTensor>&)>;

  RewrittenModel(const std::filesystem::path& model, const Change& change);
  ~RewrittenModel();
  RewrittenModel(const RewrittenModel&) = delete;
  RewrittenModel& operator=(const RewrittenModel&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// The tensor of that name; throws std::runtime_error when there is none.
[[nodiscard]] WrittenTensor& tensor_of(std::vector<WrittenTensor>& tensors, const std::string& name);

}  // namespace prophet::testing
