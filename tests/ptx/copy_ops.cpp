#include "tests/ptx/access.hpp"
#include "tests/ptx/decoder.hpp"

/// Asynchronous copies (cp.async): nothing is copied until its thread waits for it, and until then the bytes
/// may not be touched.
namespace prophet::ptx {
namespace {

unsigned constant_operand(const Decoder& d, std::size_t i) {
  if (d.operand(i).kind != Operand::Kind::number) d.unsupported("a size that is no number");
  return static_cast<unsigned>(d.operand(i).bits);
}

Action make_copy(Decoder& d) {
  d.take_one_of({"ca", "cg"});
  const bool to_shared = d.take("shared") || d.take("shared::cta");
  if (!d.take("global") || !to_shared) d.unsupported("its spaces");
  d.take_all("L2::");
  d.finish(3, 4);
  const Address to = d.address(0), from = d.address(1);
  const unsigned bytes = constant_operand(d, 2);
  if (bytes != 4 && bytes != 8 && bytes != 16) d.unsupported("its size");
  const Source source_bytes = d.operand_count() == 4 ? d.source(3) : d.constant(bytes);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const PendingCopy copy{
          .to = shared_offset(Space::shared, to.base.in(warp)[lane] + static_cast<std::uint64_t>(to.offset)),
          .from = from.base.in(warp)[lane] + static_cast<std::uint64_t>(from.offset),
          .bytes = bytes,
          .source_bytes = static_cast<unsigned>(source_bytes.in(warp)[lane])};
      if (copy.source_bytes > bytes) throw Error("an asynchronous copy of more bytes than it has room for");
      if (copy.source_bytes != 0) static_cast<void>(warp.block->memory().read(copy.from, bytes));
      warp.block->shared().begin_copy(copy.to, bytes, warp.accessor(lane));
      warp.copies[lane].open.push_back(copy);
    });
    return true;
  };
}

void close_group(CopyQueue& queue) {
  queue.groups.push_back(std::move(queue.open));
  queue.open.clear();
}

Action make_wait(std::size_t kept, bool takes_open) {
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      if (takes_open && !warp.copies[lane].open.empty()) close_group(warp.copies[lane]);
      warp.block->finish_copies(warp, lane, kept);
    });
    return true;
  };
}

Action make_cp(Decoder& d) {
  if (!d.take("async")) d.unsupported("it is not cp.async");
  if (d.take("commit_group")) {
    d.finish(0);
    return [](Warp& warp, Mask lanes) {
      each_lane(lanes, [&](unsigned lane) { close_group(warp.copies[lane]); });
      return true;
    };
  }
  if (d.take("wait_all")) {
    d.finish(0);
    return make_wait(0, true);
  }
  if (d.take("wait_group")) {
    d.finish(1);
    return make_wait(constant_operand(d, 0), false);
  }
  return make_copy(d);
}

}  // namespace

void add_copy_makers(Makers& makers) {
  makers["cp"] = make_cp;
}

}  // namespace prophet::ptx
