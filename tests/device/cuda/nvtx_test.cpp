// What a profiler sees: a tool of the test's own takes NVTX's calls.
#include "runtime/device/cuda/nvtx.hpp"

#include <gtest/gtest.h>
#include <nvtx3/nvToolsExt.h>

#include <string>
#include <vector>

namespace prophet::cuda {
namespace {

struct Seen {
  std::string domain;
  std::vector<std::string> messages;
  std::vector<std::uint64_t> payloads;
  int open = 0;
};
Seen seen;

nvtxDomainHandle_t NVTX_API create_domain(const char* name) {
  seen.domain = name;
  return reinterpret_cast<nvtxDomainHandle_t>(&seen);
}
int NVTX_API push(nvtxDomainHandle_t, const nvtxEventAttributes_t* attributes) {
  seen.messages.emplace_back(attributes->message.ascii);
  seen.payloads.push_back(attributes->payload.ullValue);
  return seen.open++;
}
int NVTX_API pop(nvtxDomainHandle_t) {
  return --seen.open;
}

template <class Function>
void put(NvtxFunctionTable table, NvtxCallbackIdCore2 id, Function* function) {
  *table[id] = reinterpret_cast<NvtxFunctionPointer>(function);
}

int NVTX_API begin_tool(NvtxGetExportTableFunc_t get_table) {
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks == nullptr || callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0)
    return 0;
  put(table, NVTX_CBID_CORE2_DomainCreateA, &create_domain);
  put(table, NVTX_CBID_CORE2_DomainRangePushEx, &push);
  put(table, NVTX_CBID_CORE2_DomainRangePop, &pop);
  return 1;
}

/// NVTX asks for a tool that is linked into the program when it is first called, which is after this.
[[maybe_unused]] const bool tool_is_set = [] {
  InitializeInjectionNvtx2_fnptr = &begin_tool;
  return true;
}();

TEST(CudaNvtx, ARangeSaysLayerExpertAndBytesInProphetsDomain) {
  seen.messages.clear();  // of devices in tests before this one
  seen.payloads.clear();
  {
    const NvtxRange copy({"copy", 3 * 8 + 5, true, 8, 1000});
    const NvtxRange dense({"dense", 3, false, 8, 2000});
    const NvtxRange unknown({"expert", 29, true, 0, 3000});
    EXPECT_EQ(seen.open, 3);
  }
  EXPECT_EQ(seen.open, 0);
  EXPECT_EQ(seen.domain, "prophet");
  EXPECT_EQ(seen.messages, (std::vector<std::string>{"copy layer 3 expert 5, 1000 B", "dense layer 3, 2000 B",
                                                     "expert expert index 29, 3000 B"}));
  EXPECT_EQ(seen.payloads, (std::vector<std::uint64_t>{1000, 2000, 3000}));
}

}  // namespace
}  // namespace prophet::cuda
