#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "predictor/trained/predictor_file.hpp"
#include "predictor/trained/predictor_tensors.hpp"
#include "runtime/model/safetensors/tensor_dtype.hpp"
#include "runtime/trace/atomic_file.hpp"

namespace prophet {
namespace {

constexpr std::size_t header_alignment = 8;

nlohmann::ordered_json text_of(const TrainedPredictor& trained) {
  const MlpShape& shape = trained.mlp->shape;
  nlohmann::ordered_json text = {
      {"format", predictor_file_format},
      {"version", predictor_file_version},
      {"layers", shape.grid.layers},
      {"experts", shape.grid.experts},
      {"top_k", shape.top_k},
      {"lookahead_layers", shape.lookahead_layers},
      {"hidden", shape.hidden},
      {"ids_per_group", shape.ids_per_group},
      {"mlp_parameters", shape.parameters()},
      {"use_source_layers", trained.use == nullptr ? 0 : trained.use->source_layers},
      {"use_hidden_units", trained.use == nullptr ? 0 : trained.use->hidden.units},
      {"use_parameters", trained.use == nullptr ? 0 : trained.use->parameters()},
      {"learnt_from_sequences", trained.learnt_from.size()},
      {"groups", nlohmann::ordered_json::array()}};
  for (const InputGroup& group : shape.groups) {
    nlohmann::ordered_json one = {{"kind", group_kind_name(group.kind)}};
    if (group.kind == GroupKind::popular) {
      one["keep"] = group.keep;
      one["grain"] = group.grain;
    } else {
      one["distance"] = group.distance;
      one["ranks"] = group.ranks;
    }
    text["groups"].push_back(std::move(one));
  }
  return text;
}

/// The numbers of a file and the header that names them.
class Writer {
 public:
  void add(const NeededTensor& tensor, std::span<const std::byte> bytes) {
    header_ += fmt::format(R"(,"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", tensor.name,
                           tensor_dtype_name(tensor.dtype), fmt::join(tensor.shape, ","), data_.size(),
                           data_.size() + bytes.size());
    data_.insert(data_.end(), bytes.begin(), bytes.end());
  }

  [[nodiscard]] std::vector<std::byte> file() const {
    std::string header = header_ + "}";
    header.resize((header.size() + header_alignment - 1) / header_alignment * header_alignment, ' ');
    std::vector<std::byte> bytes(sizeof(std::uint64_t) + header.size());
    const std::uint64_t header_bytes = header.size();
    std::memcpy(bytes.data(), &header_bytes, sizeof header_bytes);
    std::memcpy(bytes.data() + sizeof header_bytes, header.data(), header.size());
    bytes.insert(bytes.end(), data_.begin(), data_.end());
    return bytes;
  }

 private:
  std::string header_ = fmt::format(R"({{"__metadata__":{{"format":"{}"}})", predictor_file_format);
  std::vector<std::byte> data_;
};

template <class Value>
std::span<const std::byte> bytes_of(const std::vector<Value>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

std::vector<std::byte> predictor_file_bytes(const TrainedPredictor& trained) {
  Writer writer;
  const MlpModel& mlp = *trained.mlp;
  const MlpTensors of_mlp = tensors_of(mlp.shape);
  // Before the text, whose length is any: numbers begin on 8 bytes.
  writer.add(learnt_from_tensor(trained.learnt_from.size()), bytes_of(trained.learnt_from));
  writer.add(of_mlp.w1, bytes_of(mlp.w1));
  writer.add(of_mlp.b1, bytes_of(mlp.b1));
  writer.add(of_mlp.w2, bytes_of(mlp.w2));
  writer.add(of_mlp.b2, bytes_of(mlp.b2));
  if (trained.use != nullptr) {
    const UseModel& use = *trained.use;
    const UseTensors of_use = tensors_of(use.grid, {use.source_layers, use.hidden.units});
    std::vector<float> weights;
    for (const UseWeights& of_layer :
         std::span(use.weights).first(use.hidden.units != 0 ? use.grid.layers : 1)) {
      weights.insert(weights.end(), of_layer.next.begin(), of_layer.next.end());
      weights.insert(weights.end(), of_layer.later.begin(), of_layer.later.end());
    }
    writer.add(of_use.weights, bytes_of(weights));
    writer.add(of_use.popularity, bytes_of(use.popularity));
    writer.add(of_use.bias, bytes_of(use.bias));
    writer.add(of_use.matrix, bytes_of(use.matrix));
    if (use.hidden.units != 0) {
      writer.add(of_use.hidden_w1, bytes_of(use.hidden.w1));
      writer.add(of_use.hidden_b1, bytes_of(use.hidden.b1));
      writer.add(of_use.hidden_w2, bytes_of(use.hidden.w2));
    }
  }
  const std::string text = text_of(trained).dump(1);
  writer.add({std::string(predictor_text_tensor), TensorDtype::u8, {text.size()}},
             std::as_bytes(std::span(text)));
  return writer.file();
}

void save_predictor(const std::filesystem::path& path, const TrainedPredictor& trained) {
  AtomicFile file(path);
  file.write(predictor_file_bytes(trained));
  file.commit();
}

}  // namespace prophet
