#include "runtime/trace/import_support.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t narrow_experts_max = 256;

void check_declared(std::string_view name, std::string_view field, std::optional<std::uint32_t> declared,
                    std::uint64_t found) {
  if (!declared || *declared == found) return;
  refuse(name, fmt::format("the header says {} {}, but the data has {}; expected the two to agree", field,
                           *declared, found));
}

void check_experts(std::string_view name, std::string_view who, std::uint64_t experts,
                   const ImportParts& parts) {
  if (experts == 0 || experts > limits::experts_per_layer_max) {
    refuse(name, fmt::format("{} gives {} experts per layer, expected 1 to {}", who, experts,
                             limits::experts_per_layer_max));
  }
  if (experts <= parts.ids.largest()) {
    refuse(name,
           fmt::format("expert id {} occurs, but {} gives {} experts per layer; expected ids below that",
                       parts.ids.largest(), who, experts));
  }
  if (experts < parts.top_k) {
    refuse(name, fmt::format("{} gives {} experts per layer, fewer than the {} chosen by each token", who,
                             experts, parts.top_k));
  }
}

std::uint32_t resolve_experts(std::string_view name, const ImportParts& parts, const ImportOptions& options) {
  if (options.experts) {
    check_experts(name, "the option for experts", *options.experts, parts);
    return *options.experts;
  }
  if (parts.header.experts) {
    check_experts(name, "the header", *parts.header.experts, parts);
    return *parts.header.experts;
  }
  const std::uint64_t needed = std::max<std::uint64_t>(parts.ids.largest() + 1U, parts.top_k);
  return static_cast<std::uint32_t>(checked_round_up(needed, ImportOptions::expert_count_unit, "experts"));
}

TraceProvenance resolve_provenance(TraceHeader header, std::string_view name, const ImportOptions& options) {
  TraceProvenance said = std::move(header.provenance);
  if (!header.present) {
    said.model = "unknown";
    said.source = std::filesystem::path(name).filename().string();
    said.licence = "unknown";
  }
  const auto overrule = [](std::string& field, const std::string& by) {
    if (!by.empty()) field = by;
  };
  overrule(said.model, options.model);
  overrule(said.source, options.source);
  overrule(said.licence, options.licence);
  overrule(said.note, options.note);
  said.synthetic = said.synthetic || options.synthetic;
  return said;
}

}  // namespace

void IdBuffer::reserve(std::uint64_t ids, bool wide) {
  wide_ = wide;
  ids_.reserve(static_cast<std::size_t>(ids) * (wide ? 2 : 1));
}

void IdBuffer::push(std::uint32_t id) {
  largest_ = std::max(largest_, id);
  if (id >= narrow_experts_max && !wide_) widen();
  ids_.push_back(static_cast<std::byte>(id & 0xFFU));
  if (wide_) ids_.push_back(static_cast<std::byte>(id >> 8));
}

void IdBuffer::resize(std::uint64_t ids, std::uint32_t largest) {
  largest_ = largest;
  wide_ = largest >= narrow_experts_max;
  ids_.assign(static_cast<std::size_t>(ids) * (wide_ ? 2 : 1), std::byte{0});
}

void IdBuffer::set(std::uint64_t at, std::uint32_t id) noexcept {
  const auto index = static_cast<std::size_t>(at) * (wide_ ? 2 : 1);
  ids_[index] = static_cast<std::byte>(id & 0xFFU);
  if (wide_) ids_[index + 1] = static_cast<std::byte>(id >> 8);
}

std::uint32_t IdBuffer::get(std::uint64_t at) const noexcept {
  const auto index = static_cast<std::size_t>(at) * (wide_ ? 2 : 1);
  const auto low = std::to_integer<std::uint32_t>(ids_[index]);
  return wide_ ? low | std::to_integer<std::uint32_t>(ids_[index + 1]) << 8 : low;
}

std::vector<std::byte> IdBuffer::take(std::uint32_t experts) {
  if (experts > narrow_experts_max && !wide_) widen();
  wide_ = false;
  largest_ = 0;
  return std::exchange(ids_, {});
}

void IdBuffer::widen() {
  std::vector<std::byte> wide;
  wide.reserve(std::max(ids_.capacity(), ids_.size()) * 2);
  for (const std::byte id : ids_) {
    wide.push_back(id);
    wide.push_back(std::byte{0});
  }
  ids_ = std::move(wide);
  wide_ = true;
}

void refuse(std::string_view name, std::string_view sentence) {
  throw Error(ErrorCode::bad_input, fmt::format("{}: {}", name, sentence));
}

void check_import_shape(std::string_view name, std::uint64_t tokens, std::uint64_t layers,
                        std::uint64_t top_k) {
  const auto check = [&](std::string_view what, std::uint64_t value, std::uint64_t most) {
    if (value == 0 || value > most)
      refuse(name, fmt::format("has {} {}, expected 1 to {}", value, what, most));
  };
  check("tokens", tokens, limits::trace_tokens_max);
  check("layers", layers, limits::layers_max);
  check("experts per token and layer", top_k, limits::top_k_max);
  const std::uint64_t ids = checked_mul(checked_mul(tokens, layers, name), top_k, name);
  if (ids > limits::trace_decompressed_bytes_max) {
    refuse(name,
           fmt::format("has {} expert ids, expected at most {}", ids, limits::trace_decompressed_bytes_max));
  }
}

RoutingTrace build_trace(std::string_view name, ImportParts parts, const ImportOptions& options) {
  check_declared(name, "layers =", parts.header.layers, parts.layers);
  check_declared(name, "top_k =", parts.header.top_k, parts.top_k);
  const std::uint32_t experts = resolve_experts(name, parts, options);
  TraceShape shape;
  shape.grid = {static_cast<std::uint32_t>(parts.layers), experts};
  shape.top_k = static_cast<std::uint32_t>(parts.top_k);
  shape.first_layer_id = parts.header.first_layer_id;
  shape.layer_stride = parts.header.layer_stride;
  try {
    return RoutingTrace(shape, resolve_provenance(std::move(parts.header), name, options),
                        std::move(parts.sequences), parts.ids.take(experts), std::move(parts.weights));
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", name, error.what()));
  }
}

}  // namespace prophet
