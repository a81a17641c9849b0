#include "runtime/engine/serve/token_names.hpp"

namespace prophet {
namespace {

/// splitmix64's finish: neighbours give unrelated words.
std::uint32_t mixed(std::uint64_t identity, std::uint64_t place) {
  std::uint64_t z = identity * 0x9e3779b97f4a7c15ULL + place + 1;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
}

/// Identities of blocks that requests share have the lower half of the numbers.
constexpr std::uint64_t own = 1ULL << 63;

}  // namespace

std::span<const std::uint32_t> TokenNames::names(RequestId request, std::uint32_t first,
                                                 std::uint32_t count) {
  const RequestRecord& record = requests_[request.index()];
  names_.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t place = first + i;
    const std::uint32_t block = place / RequestRecord::block_tokens;
    const bool shared = place < record.prompt_tokens && block < record.prefix_blocks.size();
    names_[i] = shared ? mixed(record.prefix_blocks[block] & ~own, place % RequestRecord::block_tokens)
                       : mixed(own | request.value, place);
  }
  return names_;
}

}  // namespace prophet
