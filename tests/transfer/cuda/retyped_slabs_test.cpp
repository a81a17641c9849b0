// Slabs of a live arena on the cuda device are lent to KV pages and taken back: neither tenant ever finds the
// other's bytes, in whatever order the device runs what no event orders.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "kernels/cuda/page.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/transfer/slab_lender.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::transfer_test {
namespace {

namespace vehicle = cuda_on_cpu;
using kernels::PageGrid;

constexpr ExpertGrid experts{2, 8};
constexpr std::uint64_t expert_bytes = 4608;
constexpr std::uint32_t pages_in_slab = 3;
constexpr std::uint32_t verifications_max = 4096;

std::unique_ptr<EvictionPolicy> lru(std::uint32_t slabs) {
  PolicyOptions options;
  options.grid = experts;
  options.cache_slabs = slabs;
  return make_policy("lru", options);
}

/// Experts and pages in one arena, as an engine and a page pool would use it.
class Tenants {
 public:
  explicit Tenants(std::uint32_t slabs)
      : device_(make_cuda_device({})),
        store_(*device_, experts, expert_bytes, random_weights(1, 0.1F)),
        arena_(Arena::plan(expert_bytes, slabs)),
        slabs_(*device_, MemoryKind::device, arena_.total_bytes()),
        hidden_(*device_, MemoryKind::device, 256),
        output_(*device_, MemoryKind::device, 256),
        lists_(*device_, MemoryKind::host_pinned, 2 * list_bytes * verifications_max),
        wrong_(*device_, MemoryKind::device, sizeof(std::uint64_t) * verifications_max),
        cache_(experts, {slabs, 0}, lru(slabs)),
        queue_(*device_, store_, arena_, slabs_.view(), cache_, {1000, 2, 8, false, 0}),
        lender_(*device_, cache_, queue_),
        compute_(*device_, StreamRole::compute),
        pages_(*device_, StreamRole::compute),
        layer_done_(*device_),
        grid_{arena_.stride_bytes, pages_in_slab,
              static_cast<std::uint32_t>(expert_bytes / pages_in_slab / 16 * 16)} {}

  /// As a layer does that wants these experts: each is read, and its checksum compared, on the device.
  void read(const std::vector<ExpertIndex>& wanted) {
    LayerLease lease = cache_.acquire(wanted);
    leave(lease.evicted());
    for (const Acquired& hit : lease.hits()) {
      if (hit.outcome == Outcome::hit_late) queue_.promote(hit.ticket);
    }
    for (const Acquired& miss : lease.misses()) queue_.demand(miss.ticket);
    for (const Acquired& hit : lease.hits()) launch(hit.ticket);
    for (const Acquired& miss : lease.misses()) launch(miss.ticket);
    queue_.record_reads(compute_.id());
    leave(lease.release());
  }
  bool prefetch(ExpertIndex expert) {
    const auto ticket = queue_.has_room() ? cache_.reserve_prefetch(expert) : std::nullopt;
    leave(cache_.evicted_by_prefetch());
    if (ticket) queue_.prefetch(*ticket, experts.layer(expert));
    queue_.pump();
    return ticket.has_value();
  }
  void cancel(LayerId layer) { queue_.cancel_layer(layer); }
  /// The host sees the compute stream's work end, as between layers.
  void finish_layer() {
    device_->record(compute_.id(), layer_done_.id());
    device_->synchronize(layer_done_.id());
    queue_.confirm_compute();
    queue_.pump();
  }

  std::optional<SlabId> lend() {
    const auto slab = lender_.lend(pages_.id());
    if (slab) leave(cache_.evicted_by_lend());
    return slab;
  }
  void take_back(SlabId slab) { lender_.take_back(slab, pages_.id()); }
  /// Writes every page of the slab; the pattern follows from `first_id`.
  void fill(SlabId slab, std::uint32_t first_id) {
    const auto [numbers, ids] = write_lists(slab, first_id);
    EXPECT_EQ(kernels::cuda::page_fill(device_->address(slabs_.view()), grid_, numbers, ids, pages_in_slab, 7,
                                       device_->cuda_stream(pages_.id())),
              cudaSuccess);
  }
  void verify(SlabId slab, std::uint32_t first_id) {
    const auto [numbers, ids] = write_lists(slab, first_id);
    auto* const first_wrong = static_cast<std::uint64_t*>(device_->address(wrong_.view())) + verifications_++;
    EXPECT_EQ(kernels::cuda::page_verify(device_->address(slabs_.view()), grid_, numbers, ids, pages_in_slab,
                                         7, first_wrong, device_->cuda_stream(pages_.id())),
              cudaSuccess);
  }
  /// Everything ends: every expert read was right, or this throws, and every page verified was.
  void expect_all_right() {
    queue_.drain();
    queue_.confirm_compute();
    cache_.check_invariants();
    const Buffer seen(*device_, MemoryKind::host_pinned, wrong_.view().size_bytes);
    device_->copy(pages_.id(), seen.view(), wrong_.view(), 0);
    device_->synchronize();
    const auto* const first_wrong =
        reinterpret_cast<const std::uint64_t*>(device_->host_bytes(seen.view()).data());
    for (std::uint32_t v = 0; v < verifications_; ++v)
      EXPECT_EQ(first_wrong[v], kernels::no_wrong_byte) << "verification " << v;
  }

  [[nodiscard]] ExpertCache& cache() noexcept { return cache_; }
  [[nodiscard]] bool has_room() const noexcept { return lists_written_ + 2 < verifications_max; }

 private:
  static constexpr std::uint64_t list_bytes = sizeof(std::uint32_t) * pages_in_slab;

  void leave(std::span<const Evicted> gone) {
    for (const Evicted& one : gone) {
      if (one.unused_prefetch && one.was_loading) queue_.cancel(one.ticket);
    }
  }
  void launch(const SlabTicket& ticket) {
    static constexpr std::array<std::uint32_t, 1> row{0};
    device_->wait(compute_.id(), queue_.ready(ticket.slab));
    ExpertOp op;
    op.slab = queue_.slab_view(ticket.slab);
    op.source = store_.expert(ticket.expert);
    op.hidden = hidden_.view();
    op.output = output_.view();
    op.rows = row;
    op.hidden_size = 8;
    op.checksum = store_.checksum(ticket.expert);
    op.verify = true;
    device_->launch(compute_.id(), op, ticket.expert.value);
    queue_.note_reads(ticket.slab);
  }
  /// Page numbers and ids in pinned memory that nobody writes again.
  std::pair<const std::uint32_t*, const std::uint32_t*> write_lists(SlabId slab, std::uint32_t first_id) {
    const BufferView place = lists_.view().slice(2 * list_bytes * lists_written_++, 2 * list_bytes);
    auto* const values = reinterpret_cast<std::uint32_t*>(device_->host_bytes(place).data());
    for (std::uint32_t p = 0; p < pages_in_slab; ++p) {
      values[p] = slab.value * pages_in_slab + p;
      values[pages_in_slab + p] = first_id + p;
    }
    const auto* const seen = static_cast<const std::uint32_t*>(device_->address(place));
    return {seen, seen + pages_in_slab};
  }

  std::unique_ptr<CudaDevice> device_;
  HostStore store_;
  Arena arena_;
  Buffer slabs_;
  Buffer hidden_;
  Buffer output_;
  Buffer lists_;
  Buffer wrong_;
  ExpertCache cache_;
  TransferQueue queue_;
  SlabLender lender_;
  Stream compute_;
  Stream pages_;
  Event layer_done_;
  PageGrid grid_;
  std::uint32_t lists_written_ = 0;
  std::uint32_t verifications_ = 0;
};

/// Runs `body` on a device that runs what no event orders in drawn orders, as late as it may.
template <class Body>
void in_many_orders(Body&& body) {
  const vehicle::Machine machine = vehicle::machine();
  Random random(testing::fresh_seed());
  for (int order = 0; order < 12; ++order) {
    vehicle::Machine strict = machine;
    strict.strict = true;
    strict.seed = random.next();
    vehicle::set_machine(strict);
    SCOPED_TRACE("order of operations " + std::to_string(strict.seed));
    EXPECT_NO_THROW(body());
  }
  vehicle::set_machine(machine);
}

constexpr ExpertIndex a{1};
constexpr ExpertIndex b{2};
constexpr ExpertIndex c{3};

TEST(RetypedSlabs, ALentSlabIsNotWrittenBeforeItsReadersAreDone) {
  in_many_orders([] {
    Tenants tenants(3);
    tenants.read({a, b, c});
    const auto slab = tenants.lend();
    ASSERT_TRUE(slab);
    tenants.fill(*slab, 10);
    tenants.verify(*slab, 10);
    tenants.expect_all_right();
  });
}

TEST(RetypedSlabs, ALentSlabIsNotWrittenBeforeCancelledCopiesHaveArrived) {
  in_many_orders([] {
    Tenants tenants(2);
    ASSERT_TRUE(tenants.prefetch(a));
    tenants.cancel(LayerId{0});
    const auto slab = tenants.lend();  // the slab that was freed last
    ASSERT_TRUE(slab);
    tenants.fill(*slab, 10);
    tenants.verify(*slab, 10);
    tenants.expect_all_right();
  });
}

TEST(RetypedSlabs, ALentSlabIsNotWrittenBeforeACopyThatNobodyReadHasArrived) {
  in_many_orders([] {
    Tenants tenants(2);
    ASSERT_TRUE(tenants.prefetch(a));
    tenants.read({a});
    tenants.finish_layer();
    const auto slab = tenants.lend();
    ASSERT_TRUE(slab);
    tenants.fill(*slab, 10);
    tenants.verify(*slab, 10);
    tenants.expect_all_right();
  });
}

TEST(RetypedSlabs, ASlabTakenBackIsNotFilledBeforeItsPagesAreDone) {
  in_many_orders([] {
    for (const bool by_prefetch : {false, true}) {
      Tenants tenants(2);
      const auto slab = tenants.lend();
      ASSERT_TRUE(slab);
      tenants.fill(*slab, 10);
      tenants.verify(*slab, 10);
      tenants.take_back(*slab);
      if (by_prefetch) {
        EXPECT_TRUE(tenants.prefetch(a));
        EXPECT_TRUE(tenants.prefetch(b));
      }
      tenants.read({a, b});
      tenants.expect_all_right();
    }
  });
}

TEST(RetypedSlabs, WhatIsRefusedLeavesTheSlabWhereItWas) {
  Tenants tenants(3);
  tenants.read({a, b, c});
  vehicle::fail_call("cudaEventQuery", 1, cudaErrorInvalidValue);
  EXPECT_THROW(static_cast<void>(tenants.lend()), Error);
  vehicle::clear_faults();
  EXPECT_EQ(tenants.cache().lent_slabs(), 0U);
  EXPECT_THROW(tenants.expect_all_right(), Error);  // the refusal once more: it might have been a read's
  const auto slab = tenants.lend();
  ASSERT_TRUE(slab);
  vehicle::fail_call("cudaEventRecord", 1, cudaErrorInvalidValue);
  EXPECT_THROW(tenants.take_back(*slab), Error);
  vehicle::clear_faults();
  EXPECT_EQ(tenants.cache().lent_slabs(), 1U);
  EXPECT_THROW(tenants.expect_all_right(), Error);
  tenants.take_back(*slab);
  EXPECT_THROW(tenants.take_back(*slab), Error);
  tenants.read({a, b, c});
  tenants.expect_all_right();
}

/// What a page pool knows: which slabs are its own, and what it wrote there.
using Lent = std::map<std::uint32_t, std::uint32_t>;

void random_step(Tenants& tenants, Lent& lent, Random& random, std::uint32_t& next_id) {
  const auto drawn =
      std::next(lent.begin(), lent.empty() ? 0 : static_cast<std::ptrdiff_t>(random.below(lent.size())));
  const std::uint64_t action = random.below(8);
  switch (action) {
    case 0:
      if (const auto slab = tenants.lend()) {
        EXPECT_EQ(lent.count(slab->value), 0U);
        tenants.fill(*slab, next_id);
        lent[slab->value] = next_id;
        next_id += pages_in_slab;
      }
      break;
    case 1:
    case 2:
      if (lent.empty()) break;
      tenants.verify(SlabId{drawn->first}, drawn->second);
      if (action == 2) break;
      tenants.take_back(SlabId{drawn->first});
      lent.erase(drawn);
      break;
    case 3:
      static_cast<void>(
          tenants.prefetch(ExpertIndex{static_cast<std::uint32_t>(random.below(experts.size()))}));
      break;
    case 4:
      tenants.cancel(LayerId{static_cast<std::uint32_t>(random.below(experts.layers))});
      break;
    case 5:
      tenants.finish_layer();
      break;
    default: {
      const auto first = static_cast<std::uint32_t>(random.below(experts.layers) * experts.experts);
      std::set<ExpertIndex> wanted;
      for (std::uint64_t n = 1 + random.below(3); n != 0; --n)
        wanted.insert(ExpertIndex{first + static_cast<std::uint32_t>(random.below(experts.experts))});
      tenants.read({wanted.begin(), wanted.end()});
    }
  }
  ASSERT_EQ(tenants.cache().lent_slabs(), lent.size());
}

TEST(RetypedSlabs, NeitherTenantEverFindsTheOthersBytes) {
  const vehicle::Machine machine = vehicle::machine();
  Random random(testing::fresh_seed());
  for (int run = 0; run < 8; ++run) {
    vehicle::Machine drawn = machine;
    drawn.strict = run % 2 == 0;
    drawn.jitter_us = run % 4 == 1 ? 50 : 0;
    drawn.seed = random.next();
    vehicle::set_machine(drawn);
    {
      Tenants tenants(3 + static_cast<std::uint32_t>(random.below(5)));
      Lent lent;
      std::uint32_t next_id = 1;
      for (int step = 0; step < 120 && tenants.has_room() && !HasFatalFailure(); ++step)
        random_step(tenants, lent, random, next_id);
      for (const auto& [slab, first_id] : lent) tenants.verify(SlabId{slab}, first_id);
      EXPECT_NO_THROW(tenants.expect_all_right());
    }
  }
  vehicle::set_machine(machine);
}

}  // namespace
}  // namespace prophet::transfer_test
