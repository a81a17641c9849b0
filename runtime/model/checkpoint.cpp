#include "runtime/model/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_events.hpp"

namespace prophet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view single_name = "model.safetensors";
constexpr std::string_view index_name = "model.safetensors.index.json";

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", where, why));
}

CheckpointIndex read_index(const fs::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > limits::checkpoint_index_bytes_max) {
    refuse(path.string(),
           fmt::format("{} bytes; expected at most {}", bytes.size(), limits::checkpoint_index_bytes_max));
  }
  return parse_checkpoint_index({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

void check_names_differ(CheckpointIndex& index, const std::string& where) {
  std::sort(index.entries.begin(), index.entries.end(),
            [](const auto& a, const auto& b) { return a.tensor < b.tensor; });
  const auto twice = std::adjacent_find(index.entries.begin(), index.entries.end(),
                                        [](const auto& a, const auto& b) { return a.tensor == b.tensor; });
  if (twice != index.entries.end()) {
    refuse(where, fmt::format("weight_map names the tensor {} twice; expected names that differ",
                              quoted_name(twice->tensor)));
  }
}

}  // namespace

Checkpoint::Checkpoint(const fs::path& folder) : folder_(folder.string()) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) refuse(folder_, "is no folder; expected one with a checkpoint");
  const auto single = folder / single_name;
  const auto index = folder / index_name;
  if (fs::exists(fs::symlink_status(single, ignored))) {
    open_single(single);
  } else if (fs::exists(fs::symlink_status(index, ignored))) {
    open_shards(index);
  } else {
    refuse(folder_, fmt::format("holds no checkpoint; expected {} or {}", single_name, index_name));
  }
}

void Checkpoint::open_single(const fs::path& path) {
  add_file(path);
  sort_places();
}

void Checkpoint::open_shards(const fs::path& index_path) {
  const auto where = index_path.string();
  auto index = read_index(index_path);
  check_names_differ(index, where);
  files_.reserve(index.shards.size());
  for (const auto& shard : index.shards) add_file(index_path.parent_path() / shard);
  sort_places();
  check_index(index, where);
}

void Checkpoint::add_file(const fs::path& path) {
  files_.emplace_back(path);
  const auto entries = files_.back().tensors();
  if (entries.size() > limits::tensors_max - places_.size()) {
    refuse(folder_, fmt::format("holds more than {} tensors; expected fewer", limits::tensors_max));
  }
  const auto file = static_cast<std::uint32_t>(files_.size() - 1);
  for (std::uint32_t entry = 0; entry < entries.size(); ++entry) {
    places_.push_back({entries[entry].name, file, entry});
  }
}

void Checkpoint::sort_places() {
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(places_.begin(), places_.end(),
                                        [](const Place& a, const Place& b) { return a.name == b.name; });
  if (twice == places_.end()) return;
  refuse(folder_,
         fmt::format("tensor {} is both in '{}' and in '{}'; expected it in one file",
                     quoted_name(twice->name), fs::path(files_[twice->file].path()).filename().string(),
                     fs::path(files_[std::next(twice)->file].path()).filename().string()));
}

void Checkpoint::check_index(const CheckpointIndex& index, const std::string& where) {
  for (const auto& entry : index.entries) {
    const auto* place = place_of(entry.tensor);
    if (place != nullptr && place->file == entry.shard) continue;
    refuse(where, fmt::format("weight_map has the tensor {} in '{}', but it is {}; expected it there",
                              quoted_name(entry.tensor), index.shards[entry.shard],
                              place == nullptr ? std::string("in no shard")
                                               : fmt::format("in '{}'", index.shards[place->file])));
  }
  const auto unnamed = places_.size() - index.entries.size();
  if (unnamed == 0) return;
  const auto first = std::find_if(places_.begin(), places_.end(), [&](const Place& place) {
    return !std::binary_search(index.entries.begin(), index.entries.end(),
                               CheckpointIndex::Entry{std::string(place.name), 0},
                               [](const auto& a, const auto& b) { return a.tensor < b.tensor; });
  });
  notes_.push_back(
      fmt::format("'{}': weight_map does not name {} of the tensors that its shards hold, such as {}", where,
                  unnamed, quoted_name(first->name)));
}

const Checkpoint::Place* Checkpoint::place_of(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(places_.begin(), places_.end(), name,
                       [](const Place& place, std::string_view wanted) { return place.name < wanted; });
  return found != places_.end() && found->name == name ? &*found : nullptr;
}

std::optional<TensorView> Checkpoint::find(std::string_view name) const noexcept {
  const auto* place = place_of(name);
  if (place == nullptr) return std::nullopt;
  return files_[place->file].view(place->entry);
}

TensorView Checkpoint::at(std::string_view name) const {
  const auto found = find(name);
  if (!found) refuse(folder_, fmt::format("has no tensor {}; expected one", quoted_name(name)));
  return *found;
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> names;
  names.reserve(places_.size());
  for (const auto& place : places_) names.push_back(place.name);
  return names;
}

std::uint64_t Checkpoint::value_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const auto& file : files_) {
    if (!file.tensors().empty()) bytes += file.tensors().back().end;
  }
  return bytes;
}

}  // namespace prophet
