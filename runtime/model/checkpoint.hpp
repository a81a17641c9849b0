#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/checkpoint_index.hpp"
#include "runtime/model/safetensors/safetensors_file.hpp"

namespace prophet {

/// A tensor that a model needs.
struct TensorRequirement {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::vector<TensorDtype> dtypes;  ///< any of these; empty: any at all
};

/// The tensors of a Hugging Face checkpoint: a folder with model.safetensors, or with
/// model.safetensors.index.json and the shards that it names. Owns the mapped files, to which its views
/// point: they live as long as it does, also when it is moved. Values are read from disk as they are touched;
/// see MappedFile for what a file that changes does. Thread-safe once constructed.
class Checkpoint {
 public:
  /// Of both forms, model.safetensors counts, as transformers has it. Each tensor stands in exactly one file,
  /// and each tensor of an index in the shard that it is said to be in; tensors of a shard that no index
  /// names are there all the same, as in transformers, with a note. Throws Error{bad_input}; then nothing
  /// stays mapped.
  explicit Checkpoint(const std::filesystem::path& folder);

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  /// Of the tensor with that name.
  [[nodiscard]] std::optional<TensorView> find(std::string_view name) const noexcept;
  /// The same; throws Error{bad_input} when there is none.
  [[nodiscard]] TensorView at(std::string_view name) const;
  /// Ascending; views into the checkpoint.
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] std::size_t tensors() const noexcept { return places_.size(); }
  /// Of all values together.
  [[nodiscard]] std::uint64_t value_bytes() const noexcept;

  /// Throws one Error{bad_input} that names what is missing, or has another shape or dtype than any of
  /// `needed` allows: up to twenty tensors, and how many more.
  void require(std::span<const TensorRequirement> needed) const;

  /// Sentences about what is odd but no error.
  [[nodiscard]] std::span<const std::string> notes() const noexcept { return notes_; }

 private:
  struct Place {
    std::string_view name;
    std::uint32_t file = 0;
    std::uint32_t entry = 0;
  };

  void open_single(const std::filesystem::path& path);
  void open_shards(const std::filesystem::path& index_path);
  void add_file(const std::filesystem::path& path);
  void sort_places();
  void check_index(const CheckpointIndex& index, const std::string& where);
  [[nodiscard]] const Place* place_of(std::string_view name) const noexcept;

  std::string folder_;
  std::vector<SafetensorsFile> files_;
  std::vector<Place> places_;  ///< by ascending name
  std::vector<std::string> notes_;
};

}  // namespace prophet
