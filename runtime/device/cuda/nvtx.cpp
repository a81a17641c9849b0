#include "runtime/device/cuda/nvtx.hpp"

#include <fmt/format.h>
#include <nvtx3/nvToolsExt.h>

#include <array>
#include <cstddef>

namespace prophet::cuda {
namespace {

/// Null when no tool listens. Lives as long as the process, as tools expect.
nvtxDomainHandle_t domain() noexcept {
  static const nvtxDomainHandle_t prophet_domain = nvtxDomainCreateA("prophet");
  return prophet_domain;
}

using Message = std::array<char, 96>;

void write(const RangeName& name, Message& message) {
  const auto room = message.size() - 1;
  char* end = nullptr;
  if (!name.tag_is_expert) {
    end =
        fmt::format_to_n(message.data(), room, "{} layer {}, {} B", name.operation, name.tag, name.bytes).out;
  } else if (name.experts == 0) {
    end = fmt::format_to_n(message.data(), room, "{} expert index {}, {} B", name.operation, name.tag,
                           name.bytes)
              .out;
  } else {
    end = fmt::format_to_n(message.data(), room, "{} layer {} expert {}, {} B", name.operation,
                           name.tag / name.experts, name.tag % name.experts, name.bytes)
              .out;
  }
  *end = '\0';
}

}  // namespace

NvtxRange::NvtxRange(const RangeName& name) noexcept : open_(domain() != nullptr) {
  if (!open_) return;
  Message message{};
  write(name, message);
  nvtxEventAttributes_t attributes{};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = message.data();
  attributes.payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64;
  attributes.payload.ullValue = name.bytes;
  nvtxDomainRangePushEx(domain(), &attributes);
}

NvtxRange::~NvtxRange() {
  if (open_) nvtxDomainRangePop(domain());
}

}  // namespace prophet::cuda
