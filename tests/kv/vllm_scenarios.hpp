#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace prophet::testing {

/// What vLLM's block pool was asked in one operation, and what it did; tests/kv/fixtures/README.md.
struct VllmOperation {
  enum class Kind { begin, admit, grow, say, free, preempt, reset };
  using Ids = std::vector<std::uint32_t>;  ///< vLLM's block ids, in order

  Kind kind = Kind::begin;
  std::uint32_t request = 0;
  std::vector<std::uint32_t> spoken;  ///< begin: the prompt; say: tokens behind all that there are
  std::uint32_t tokens = 0;           ///< admit, grow: to be computed; admit: at most, behind those hit

  Ids hits;                       ///< admit: blocks found in the prefix cache, first block first
  std::optional<Ids> allocated;   ///< admit, grow: new blocks; none when vLLM refused, and changed nothing
  Ids evicted;                    ///< admit, grow: those of `allocated` that left the prefix cache, in order
  bool reset_done = false;        ///< reset: vLLM refuses while a block is in use
  std::uint32_t free_blocks = 0;  ///< after it; also the cached ones that nobody uses
  std::uint32_t order = 0;        ///< of the whole queue of free blocks after it: order_hash()
};

struct VllmScenario {
  std::uint32_t number = 0;
  std::uint32_t blocks = 0;  ///< vLLM's null block, id 0, included; it is never given out
  std::uint32_t block_tokens = 0;
  bool caching = true;
  std::vector<VllmOperation> operations;
  VllmOperation::Ids free;    ///< after the last operation, in the order in which they will be given out
  VllmOperation::Ids cached;  ///< after it, with a hash, ascending
};

struct VllmFixture {
  std::string version;  ///< of vLLM
  std::vector<VllmScenario> scenarios;
};

/// tests/kv/fixtures/vllm_block_pool.jsonl of the source tree. Throws std::runtime_error with the file, the
/// line and what was expected, if it is not what scripts/make_vllm_block_pool_fixtures.py writes.
[[nodiscard]] VllmFixture load_vllm_fixture();

/// The order of a queue as the fixture states it: FNV-1a of the ids, folded to 24 bits.
[[nodiscard]] std::uint32_t order_hash(std::span<const std::uint32_t> ids);

}  // namespace prophet::testing
