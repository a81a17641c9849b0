#include <fmt/format.h>

#include <cstring>

#include "tests/ptx/access.hpp"
#include "tests/ptx/decoder.hpp"

namespace prophet::ptx {

Space take_space(Decoder& d) {
  switch (d.take_one_of({"global", "shared", "const", "param", "local", "shared::cta"})) {
    case 0:
      return Space::global;
    case 1:
    case 5:
      return Space::shared;
    case 2:
      return Space::constant;
    case 3:
      return Space::param;
    case 4:
      d.unsupported("local memory");
    default:
      return Space::generic;
  }
}

void take_strength(Decoder& d) {
  d.take_one_of({"weak", "volatile", "relaxed", "acquire", "release", "acq_rel"});
  d.take_one_of({"cta", "gpu", "sys"});
  d.take_one_of({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.take("nc");
  for (const std::string_view hint :
       {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate",
        "L2::64B", "L2::128B", "L2::256B"}) {
    d.take(hint);
  }
}

namespace {

Space space_of(Space space, std::uint64_t address) {
  if (space != Space::generic) return space;
  if (is_in(shared_window, address)) return Space::shared;
  return is_in(parameter_window, address) ? Space::param : Space::global;
}

void read_parameter(const Warp& warp, Space named, std::uint64_t address, void* to, std::size_t bytes) {
  const std::uint64_t offset = named == Space::generic ? address - parameter_window : address;
  const auto& parameters = warp.block->parameters();
  if (offset > parameters.size() || bytes > parameters.size() - offset) {
    throw Error(
        fmt::format("read of {} bytes at {} of {} bytes of parameters", bytes, offset, parameters.size()));
  }
  std::memcpy(to, parameters.data() + offset, bytes);
}

}  // namespace

std::uint64_t shared_offset(Space space, std::uint64_t address) {
  if (space == Space::shared) return address;
  if (!is_in(shared_window, address))
    throw Error(fmt::format("{:#x} is no address of shared memory", address));
  return address - shared_window;
}

bool read_bytes(Warp& warp, unsigned lane, Space named, std::uint64_t address, void* to, std::size_t bytes) {
  const Space space = space_of(named, address);
  if (space == Space::shared) {
    return warp.block->shared().read(shared_offset(named, address), to, bytes, warp.accessor(lane));
  }
  if (space == Space::param) {
    read_parameter(warp, named, address, to, bytes);
  } else {
    std::memcpy(to, warp.block->memory().read(address, bytes), bytes);
  }
  return true;
}

void write_bytes(Warp& warp, unsigned lane, Space named, std::uint64_t address, const void* from,
                 std::size_t bytes) {
  const Space space = space_of(named, address);
  if (space == Space::shared) {
    warp.block->shared().write(shared_offset(named, address), from, bytes, warp.accessor(lane));
  } else if (space == Space::global) {
    std::memcpy(warp.block->memory().write(address, bytes), from, bytes);
  } else {
    throw Error("write to memory that is only to be read");
  }
}

namespace {

/// One value of a vector access.
unsigned take_vector_size(Decoder& d) {
  const int place = d.take_one_of({"v2", "v4", "v8"});
  return place < 0 ? 1 : 2U << place;
}

std::vector<Operand> elements_of(const Decoder& d, const Operand& operand, unsigned count) {
  const std::vector<Operand> elements =
      operand.kind == Operand::Kind::vector ? operand.parts : std::vector<Operand>{operand};
  if (elements.size() != count)
    d.unsupported(fmt::format("{} registers for {} values", elements.size(), count));
  return elements;
}

constexpr std::size_t access_bytes_max = 32;

Action make_load(Decoder& d) {
  const Space space = take_space(d);
  take_strength(d);
  const unsigned count = take_vector_size(d);
  const Type type = d.type();
  d.finish(2);
  std::vector<Destination> to;
  for (const Operand& element : elements_of(d, d.operand(0), count)) to.push_back(d.destination_of(element));
  const Address from = d.address(1);
  const unsigned bytes = bits_of(type) / 8;
  if (bytes * count > access_bytes_max) d.unsupported("its size");
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      std::byte raw[access_bytes_max];
      const std::uint64_t address = from.base.in(warp)[lane] + static_cast<std::uint64_t>(from.offset);
      const bool is_written = read_bytes(warp, lane, space, address, raw, std::size_t{bytes} * count);
      for (unsigned i = 0; i < count; ++i) {
        std::uint64_t value = 0;
        std::memcpy(&value, raw + std::size_t{i} * bytes, bytes);
        if (!is_written) warp.unwritten[to[i].reg] |= Mask{1} << lane;
        to[i].in(warp)[lane] = (is_signed(type) ? sign_extended(value, bytes * 8) : value) & to[i].mask;
      }
    });
    return true;
  };
}

Action make_store(Decoder& d) {
  const Space space = take_space(d);
  take_strength(d);
  const unsigned count = take_vector_size(d);
  const Type type = d.type();
  d.finish(2);
  const Address to = d.address(0);
  std::vector<Source> from;
  for (const Operand& element : elements_of(d, d.operand(1), count)) from.push_back(d.source_of(element));
  const unsigned bytes = bits_of(type) / 8;
  if (bytes * count > access_bytes_max) d.unsupported("its size");
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      std::byte raw[access_bytes_max];
      for (unsigned i = 0; i < count; ++i) {
        const std::uint64_t value = from[i].in(warp)[lane];
        std::memcpy(raw + std::size_t{i} * bytes, &value, bytes);
      }
      const std::uint64_t address = to.base.in(warp)[lane] + static_cast<std::uint64_t>(to.offset);
      write_bytes(warp, lane, space, address, raw, std::size_t{bytes} * count);
    });
    return true;
  };
}

/// Advice that changes no value.
Action make_prefetch(Decoder& d) {
  static_cast<void>(take_space(d));
  d.take_one_of({"L1", "L2"});
  d.take_all("L2::evict");
  d.finish(1);
  return [](Warp&, Mask) { return true; };
}

/// All accesses happen at once here, so that a fence has nothing left to order.
Action make_fence(Decoder& d) {
  d.take_one_of({"sc", "acq_rel", "acquire", "release"});
  d.take_one_of({"cta", "gpu", "sys", "gl"});
  d.finish(0);
  return [](Warp&, Mask) { return true; };
}

}  // namespace

void add_memory_makers(Makers& makers) {
  makers["ld"] = make_load;
  makers["ldu"] = make_load;
  makers["st"] = make_store;
  makers["prefetch"] = make_prefetch;
  makers["membar"] = make_fence;
  makers["fence"] = make_fence;
}

}  // namespace prophet::ptx
