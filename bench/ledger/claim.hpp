#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace prophet::ledger {

/// One number that a document of the published study prints, and what it is of. The texts are references, as
/// the documents' headings and tables name things; an empty one means that the number is not of one.
struct Claim {
  std::string id;        ///< "C001"
  std::string document;  ///< "000" to "004"
  std::string section;
  std::string kind;                    ///< "savings", "kv_extension", ...
  std::string model;                   ///< as the study writes it
  std::string gpu;                     ///< likewise
  std::string batches;                 ///< "16", or a range such as "32-64"
  std::optional<std::uint32_t> batch;  ///< none where there are several
  std::optional<std::uint64_t> context_tokens;
  std::string metric;
  std::string printed;  ///< the number's own digits: how many there are says how exactly it is meant
  double value = 0;     ///< of these digits, in `unit`
  std::string unit;
};

/// Half a unit of the last digit that is printed: 0.005 for "9.45", 0.5 for "116".
[[nodiscard]] double printed_precision(const Claim& claim);

}  // namespace prophet::ledger
