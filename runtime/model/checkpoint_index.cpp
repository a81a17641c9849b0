#include "runtime/model/checkpoint_index.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_events.hpp"

namespace prophet {
namespace {

constexpr std::string_view shard_suffix = ".safetensors";

bool is_file_name(std::string_view shard) {
  return shard.size() > shard_suffix.size() && shard.ends_with(shard_suffix) &&
         shard.find_first_of(std::string_view("/\\\0", 3)) == shard.npos && shard.find("..") == shard.npos;
}

enum class Place : std::uint8_t { whole, field, weight_map, tensor, shard, skipped };

class IndexEvents : public JsonEvents {
 public:
  explicit IndexEvents(const std::string& where) : where_(where) {}

  void key(std::string_view name) override;
  bool begin(JsonKind kind) override;
  void end() override { place_ = Place::field; }
  void whole_number(std::uint64_t) override { other(JsonKind::number); }
  void text(std::string_view value) override;
  void other(JsonKind kind) override;

  [[nodiscard]] CheckpointIndex take();

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", where_, why));
  }
  [[noreturn]] void refuse_kind(JsonKind kind) const;
  [[nodiscard]] std::uint32_t shard_number(std::string_view name);

  const std::string& where_;
  CheckpointIndex index_;
  std::map<std::string, std::uint32_t, std::less<>> shard_numbers_;
  std::string tensor_;
  Place place_ = Place::whole;
  bool seen_ = false;
};

void IndexEvents::key(std::string_view name) {
  if (place_ == Place::tensor) {
    if (index_.entries.size() >= limits::tensors_max) {
      refuse(fmt::format("weight_map holds more than {} tensors; expected fewer", limits::tensors_max));
    }
    tensor_ = std::string(name);
    place_ = Place::shard;
  } else if (name == "weight_map") {
    if (std::exchange(seen_, true)) refuse("holds weight_map twice; expected it once");
    place_ = Place::weight_map;
  } else {
    place_ = Place::skipped;
  }
}

bool IndexEvents::begin(JsonKind kind) {
  if (place_ == Place::skipped) {
    place_ = Place::field;
    return false;
  }
  if (kind == JsonKind::object && place_ == Place::whole) {
    place_ = Place::field;
  } else if (kind == JsonKind::object && place_ == Place::weight_map) {
    place_ = Place::tensor;
  } else {
    refuse_kind(kind);
  }
  return true;
}

void IndexEvents::text(std::string_view value) {
  if (place_ == Place::shard) {
    const auto shard = shard_number(value);
    index_.entries.push_back({std::move(tensor_), shard});
    place_ = Place::tensor;
  } else {
    other(JsonKind::text);
  }
}

void IndexEvents::other(JsonKind kind) {
  if (place_ != Place::skipped) refuse_kind(kind);
  place_ = Place::field;
}

void IndexEvents::refuse_kind(JsonKind kind) const {
  const auto found = json_kind_phrase(kind);
  if (place_ == Place::whole) refuse(fmt::format("is {}; expected an object with weight_map", found));
  if (place_ == Place::weight_map) {
    refuse(fmt::format("weight_map is {}; expected an object from tensors to shards", found));
  }
  refuse(fmt::format("weight_map gives {} for tensor {}; expected the name of a shard", found,
                     quoted_name(tensor_)));
}

std::uint32_t IndexEvents::shard_number(std::string_view name) {
  const auto known = shard_numbers_.find(name);
  if (known != shard_numbers_.end()) return known->second;
  if (!is_file_name(name)) {
    refuse(
        fmt::format("weight_map gives the shard {} for tensor {}; expected the name of a .safetensors file "
                    "beside the index",
                    quoted_name(name), quoted_name(tensor_)));
  }
  if (index_.shards.size() >= limits::checkpoint_shards_max) {
    refuse(
        fmt::format("weight_map names more than {} shards; expected fewer", limits::checkpoint_shards_max));
  }
  const auto number = static_cast<std::uint32_t>(index_.shards.size());
  index_.shards.emplace_back(name);
  shard_numbers_.emplace(name, number);
  return number;
}

CheckpointIndex IndexEvents::take() {
  if (!seen_) refuse("has no field weight_map; expected an object from tensors to shards");
  if (index_.entries.empty()) refuse("weight_map is empty; expected an object from tensors to shards");
  return std::move(index_);
}

}  // namespace

CheckpointIndex parse_checkpoint_index(std::string_view json, const std::string& where) {
  IndexEvents events(where);
  read_json_events(json, {limits::json_depth_max, limits::header_string_bytes_max},
                   fmt::format("'{}':", where), events);
  return events.take();
}

}  // namespace prophet
