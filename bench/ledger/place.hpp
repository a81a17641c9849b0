#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace prophet::ledger {

/// What a quantity is asked of. A quantity that needs a part which is missing has no value.
struct Place {
  std::string model;                   ///< a name or label of either catalogue, or empty
  std::optional<std::uint32_t> batch;  ///< sequences that decode together
  std::string gpu;                     ///< of a profile, or empty
  std::optional<std::uint64_t> context_tokens;
};

/// A quantity has no value: what() says why in a few words, such as "enabled" for an extension where only
/// one side fits. No error: a basis that has no value of a claim says so.
class NoValue : public std::runtime_error {
 public:
  explicit NoValue(const std::string& why) : std::runtime_error(why) {}
};

/// The named numbers of one basis. One thread.
class Quantities {
 public:
  virtual ~Quantities() = default;
  /// Throws NoValue; Error{bad_input} for a name that this basis has not, and Error{usage} for a model that
  /// no catalogue has.
  [[nodiscard]] virtual double value(std::string_view name, const Place& place) = 0;
  /// True where another GPU may give another value.
  [[nodiscard]] virtual bool depends_on_gpu(std::string_view name) const = 0;

 protected:
  Quantities() = default;
  Quantities(const Quantities&) = default;
  Quantities& operator=(const Quantities&) = default;
};

/// The part, or NoValue that says which one is missing.
[[nodiscard]] std::uint32_t batch_of(const Place& place);
[[nodiscard]] const std::string& gpu_of(const Place& place);

}  // namespace prophet::ledger
