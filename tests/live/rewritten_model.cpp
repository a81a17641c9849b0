#include "tests/live/rewritten_model.hpp"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "runtime/model/checkpoint.hpp"

namespace prophet::testing {

RewrittenModel::RewrittenModel(const std::filesystem::path& model, const Change& change) {
  std::string pattern = std::filesystem::temp_directory_path() / "prophet_model_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder could be made");
  folder_ = pattern;
  std::filesystem::copy_file(model / "config.json", folder_ / "config.json");
  const Checkpoint checkpoint(model);
  std::vector<WrittenTensor> tensors;
  for (const std::string_view name : checkpoint.names()) {
    const TensorView view = checkpoint.at(name);
    tensors.push_back({std::string(name),
                       view.dtype,
                       {view.shape.begin(), view.shape.end()},
                       {view.bytes.begin(), view.bytes.end()}});
  }
  change(tensors);
  write_bytes(folder_ / "model.safetensors", safetensors_bytes(tensors));
}

RewrittenModel::~RewrittenModel() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

WrittenTensor& tensor_of(std::vector<WrittenTensor>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const WrittenTensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) throw std::runtime_error("the model has no tensor " + name);
  return *found;
}

}  // namespace prophet::testing
