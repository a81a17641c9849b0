#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/trace/requests/request_record.hpp"

namespace prophet {

inline constexpr std::string_view azure_requests_header = "TIMESTAMP,ContextTokens,GeneratedTokens";

/// Parses one line of a request trace into `request`, whose buffers are used again, but for its arrival,
/// which is returned: nanoseconds since an epoch of the file's own. `where` begins the sentence of the
/// Error{bad_input} that says what is wrong.
[[nodiscard]] std::uint64_t parse_azure_request(std::string_view line, std::string_view where,
                                                RequestRecord& request);
[[nodiscard]] std::uint64_t parse_mooncake_request(std::string_view line, std::string_view where,
                                                   RequestRecord& request);

}  // namespace prophet
