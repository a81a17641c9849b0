#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/trace/npy_array.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::testing {

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// An .npy file of `values`, as numpy.save writes it.
template <class Item>
std::string npy(const std::string& descr, const std::vector<std::uint64_t>& shape,
                const std::vector<Item>& values) {
  std::string text = npy_header_text(descr, shape);
  text.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Item));
  return text;
}

/// An .npy file with any header text and data.
std::string npy_with_header(const std::string& dictionary, const std::string& data, char major = 1);

using ZipEntries = std::vector<std::pair<std::string, std::string>>;

/// A zip archive, deflated or stored.
std::string zip_of(const ZipEntries& entries, bool deflated = true);

/// The seed of this run: PROPHET_SEED, or a fresh one, which is printed.
std::uint64_t run_seed();

/// A small trace with everything that a trace can have.
RoutingTrace random_trace(Random& random, bool with_weights);

}  // namespace prophet::testing
