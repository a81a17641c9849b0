#include "runtime/device/cuda/slab_alarm.hpp"

#include <fmt/format.h>

#include <atomic>

namespace prophet::cuda {

using kernels::cuda::VerifyReport;

SlabAlarm::SlabAlarm(Status& status)
    : memory_(sizeof(VerifyReport), status, "create device: report of wrong slabs") {}

VerifyReport* SlabAlarm::report() const noexcept {
  return reinterpret_cast<VerifyReport*>(memory_.device_data());
}

void SlabAlarm::throw_if_rung() {
  auto& report = *reinterpret_cast<VerifyReport*>(memory_.data());
  if (std::atomic_ref(report.written).load(std::memory_order_acquire) == 0) return;
  const VerifyReport seen = report;
  report = {};
  throw Error(ErrorCode::check_failed,
              fmt::format("expert operation with tag {}: the slab has checksum {:016x}, expected {:016x}",
                          seen.tag, seen.found, seen.expected));
}

}  // namespace prophet::cuda
