#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/serve/kv_space.hpp"
#include "runtime/trace/requests/request_record.hpp"

namespace prophet {

/// Stand-ins for the tokens of requests of which only lengths are recorded: two tokens are equal if they
/// stand at the same place of blocks with the same identity; all others, what is generated among them, are
/// the request's own. The requests must outlive it.
class TokenNames {
 public:
  explicit TokenNames(std::span<const RequestRecord> requests) : requests_(requests) {}

  /// The tokens [first, first + count) of a request, valid until the next call.
  [[nodiscard]] std::span<const std::uint32_t> names(RequestId request, std::uint32_t first,
                                                     std::uint32_t count);

 private:
  std::span<const RequestRecord> requests_;
  std::vector<std::uint32_t> names_;
};

}  // namespace prophet
