#include "tests/kv/vllm_scenarios.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace prophet::testing {
namespace {

using Json = nlohmann::json;
using Kind = VllmOperation::Kind;
using Ids = VllmOperation::Ids;

constexpr const char* format = "prophet-vllm-block-pool-1";

/// The token at a position of a text, as the script draws it.
std::uint32_t token(std::uint32_t text, std::uint32_t position, std::uint32_t alphabet) {
  std::uint32_t x = text * 2654435761U + position * 2246822519U + 374761393U;
  x = (x ^ (x >> 15)) * 2246822519U;
  x = (x ^ (x >> 13)) * 3266489917U;
  return (x >> 16) % alphabet;
}

void speak(std::vector<std::uint32_t>& spoken, std::uint32_t text, std::uint32_t tokens,
           std::uint32_t alphabet) {
  for (std::uint32_t i = 0; i < tokens; ++i) spoken.push_back(token(text, i, alphabet));
}

/// "1-3,9,7-5" is 1 2 3 9 7 6 5.
Ids parse_runs(const std::string& text) {
  Ids ids;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const auto first = static_cast<std::uint32_t>(std::strtoul(at, &end, 10));
    if (end == at) throw std::runtime_error("'" + text + "' is no list of ids: expected one like 1-3,9,7-5");
    auto last = first;
    if (*end == '-') last = static_cast<std::uint32_t>(std::strtoul(end + 1, &end, 10));
    for (auto id = first; id != last; id += first < last ? 1U : ~0U) ids.push_back(id);
    ids.push_back(last);
    at = *end == ',' ? end + 1 : end;
  }
  return ids;
}

Kind kind_of(const std::string& name) {
  static const std::map<std::string, Kind> kinds = {
      {"begin", Kind::begin}, {"admit", Kind::admit},     {"grow", Kind::grow},  {"say", Kind::say},
      {"free", Kind::free},   {"preempt", Kind::preempt}, {"reset", Kind::reset}};
  return kinds.at(name);
}

void read_allocation(const Json& op, std::size_t at, VllmOperation& operation) {
  if (!op.at(at).is_null()) operation.allocated = parse_runs(op.at(at));
  operation.evicted = parse_runs(op.at(at + 1));
}

/// Arrays: name, request, what is special to the kind, and behind it free blocks and their order.
VllmOperation read_operation(const Json& op, std::uint32_t alphabet) {
  VllmOperation operation;
  operation.kind = kind_of(op.at(0));
  if (operation.kind == Kind::reset) {
    operation.reset_done = op.at(1) == 1;
  } else {
    operation.request = op.at(1);
  }
  switch (operation.kind) {
    case Kind::begin:
      for (const auto& piece : op.at(2)) speak(operation.spoken, piece.at(0), piece.at(1), alphabet);
      return operation;
    case Kind::say:
      speak(operation.spoken, op.at(2), op.at(3), alphabet);
      return operation;
    case Kind::admit:
      operation.tokens = op.at(2);
      operation.hits = parse_runs(op.at(3));
      read_allocation(op, 4, operation);
      break;
    case Kind::grow:
      operation.tokens = op.at(2);
      read_allocation(op, 3, operation);
      break;
    case Kind::free:
    case Kind::preempt:
    case Kind::reset:
      break;
  }
  operation.free_blocks = op.at(op.size() - 2);
  operation.order = op.at(op.size() - 1);
  return operation;
}

VllmScenario read_scenario(const Json& line) {
  VllmScenario scenario;
  scenario.number = line.at("scenario");
  scenario.blocks = line.at("blocks");
  scenario.block_tokens = line.at("block_size");
  scenario.caching = line.at("caching");
  for (const auto& op : line.at("ops"))
    scenario.operations.push_back(read_operation(op, line.at("alphabet")));
  scenario.free = parse_runs(line.at("free"));
  scenario.cached = parse_runs(line.at("cached"));
  return scenario;
}

}  // namespace

VllmFixture load_vllm_fixture() {
  const std::filesystem::path path =
      std::filesystem::path(PROPHET_SOURCE_DIR) / "tests/kv/fixtures/vllm_block_pool.jsonl";
  std::ifstream file(path);
  VllmFixture fixture;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) try {
      const Json json = Json::parse(line);
      if (number > 1) {
        fixture.scenarios.push_back(read_scenario(json));
        continue;
      }
      if (json.at("format") != format) throw std::runtime_error(std::string("expected the format ") + format);
      fixture.version = json.at("computed_by").at("version");
      fixture.scenarios.reserve(json.at("scenarios"));
    } catch (const std::exception& why) {
      throw std::runtime_error(path.string() + ":" + std::to_string(number) + ": " + why.what());
    }
  if (fixture.scenarios.empty()) {
    throw std::runtime_error(path.string() + " holds no scenario: expected what its script writes");
  }
  return fixture;
}

std::uint32_t order_hash(std::span<const std::uint32_t> ids) {
  std::uint32_t h = 2166136261U;
  for (const std::uint32_t id : ids) h = (h ^ id) * 16777619U;
  return (h >> 24) ^ (h & 0xFFFFFFU);
}

}  // namespace prophet::testing
