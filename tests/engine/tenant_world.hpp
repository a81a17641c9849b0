#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/decorators/forwarding_device.hpp"
#include "runtime/engine/kv_tenant.hpp"
#include "runtime/transfer/host_store.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet::engine_test {

/// Refuses, when told to, calls that a tenant makes.
class RefusingDevice final : public ForwardingDevice {
 public:
  using ForwardingDevice::ForwardingDevice;

  /// Of the copies, records, waits and done()s from now on, `count` are refused, after `before` others.
  void refuse_after(std::uint64_t before, std::uint64_t count = 1) {
    left_ = before;
    count_ = count;
    refused_ = 0;
  }
  /// Refuses nothing any more; returns how many calls it has refused since.
  std::uint64_t relent() {
    count_ = 0;
    return refused_;
  }

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override {
    admit();
    ForwardingDevice::copy(stream, destination, source, tag);
  }
  void record(StreamId stream, EventId event) override {
    admit();
    ForwardingDevice::record(stream, event);
  }
  void wait(StreamId stream, EventId event) override {
    admit();
    ForwardingDevice::wait(stream, event);
  }
  [[nodiscard]] bool done(EventId event) override {
    admit();
    return ForwardingDevice::done(event);
  }

 private:
  void admit() {
    if (count_ == 0) return;
    if (left_ > 0) {
      --left_;
      return;
    }
    --count_;
    ++refused_;
    throw Error(ErrorCode::out_of_memory, "refused on purpose");
  }

  std::uint64_t left_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
};

/// Experts and KV pages in one arena of `slabs` slabs of five pages, on any device. Every expert and every
/// page that is read is compared, on the device, with what it should hold: by its bytes, or, on the sim, by
/// where they were copied from; and the sim checks that events order all uses.
struct TenantWorld {
  static constexpr ExpertGrid grid{2, 4};
  static constexpr std::uint64_t page_bytes = 1536;
  static constexpr std::uint32_t pages_per_slab = 5;
  static constexpr std::uint64_t expert_bytes = 8192;  ///< five pages, and 512 bytes that belong to none
  static constexpr std::uint32_t page_tokens = 4;
  static constexpr std::uint32_t patterns = 61;
  static constexpr std::uint32_t host_slots = 24;
  static constexpr std::uint32_t hidden_size = 8;

  TenantWorld(std::unique_ptr<Device> inner, std::uint32_t slabs);

  /// As kv_append and attention: kernels of the compute stream that write, and read, a page.
  void write(BufferView page, std::uint32_t pattern);
  void verify(BufferView page, std::uint32_t pattern);

  /// As a layer does that wants these experts.
  void read_experts(const std::vector<ExpertIndex>& wanted);
  void prefetch(ExpertIndex expert);
  /// The host sees the compute stream's work end, as between layers.
  void finish_layer();

  std::optional<SlabId> lend();
  void lend_all();
  /// Pumps until no slab is on its way, in whatever time the device takes.
  void pump_all();
  /// Waits for everything; throws when anything read was wrong.
  void settle();
  /// A sequence with so many tokens, whose pages are written by step `step`: block b of group g, layer l, has
  /// pattern first + 16 b + 4 g + l.
  KvSequenceId begin_sequence(std::uint32_t tokens, std::uint64_t step, std::uint32_t first);
  /// Reads all its pages in step `step`, as begin_sequence wrote them.
  void read_sequence(KvSequenceId sequence, std::uint64_t step, std::uint32_t first);
  /// The same without a step around it.
  void submit_reads(KvSequenceId sequence, std::uint32_t first);
  [[nodiscard]] static std::uint32_t pattern_of(std::uint32_t first, std::size_t group, std::size_t block,
                                                std::size_t layer) {
    return static_cast<std::uint32_t>((first + 16 * block + 4 * group + layer) % patterns);
  }

  RefusingDevice device;
  HostStore store;
  Arena arena;
  Buffer slabs;
  Buffer hidden;
  Buffer output;
  Buffer pattern_bytes;  ///< [patterns, page_bytes], pinned
  std::vector<std::uint64_t> checksums;
  ExpertCache cache;
  TransferQueue queue;
  KvCache kv;
  Stream compute;
  Event layer_done;
  KvTenant tenant;

 private:
  void read_expert(const SlabTicket& ticket);
  void leave(std::span<const Evicted> gone);
  [[nodiscard]] BufferView pattern(std::uint32_t number) const {
    return pattern_bytes.view().slice(number * page_bytes, page_bytes);
  }
};

}  // namespace prophet::engine_test
