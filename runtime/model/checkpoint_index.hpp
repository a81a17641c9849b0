#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prophet {

/// What model.safetensors.index.json says: which shard holds which tensor.
struct CheckpointIndex {
  struct Entry {
    std::string tensor;
    std::uint32_t shard = 0;  ///< of `shards`
  };
  std::vector<std::string> shards;  ///< file names, in the order in which they are met first
  std::vector<Entry> entries;       ///< in the text's order; names may repeat
};

/// Parses the text of an index as a stream: {"weight_map": {tensor: shard}, ...}, other fields skipped. A
/// shard is the name of a file beside the index, never a path: it ends in ".safetensors" and holds no '/',
/// '\\',
/// "..", or zero character. `where` names the file in sentences. Memory: a small multiple of the text. Throws
/// Error{bad_input}.
[[nodiscard]] CheckpointIndex parse_checkpoint_index(std::string_view json, const std::string& where);

}  // namespace prophet
