#include <cuda.h>

#include <algorithm>
#include <array>

#include "tests/cuda_on_cpu/self/vehicle_test.hpp"

namespace prophet::cuda_on_cpu {
namespace {

/// As the product finds it: nobody links the driver.
template <class Function>
Function driver_function(const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status{};
  expect_ok(cudaGetDriverEntryPointByVersion(name, &found, 13000, cudaEnableDefault, &status));
  EXPECT_EQ(status, cudaDriverEntryPointSuccess) << name;
  return reinterpret_cast<Function>(found);
}

void expect_ok(CUresult status) {
  EXPECT_EQ(status, CUDA_SUCCESS);
}
using cuda_on_cpu::expect_ok;

class Driver : public VehicleTest {
 protected:
  static CUmemAllocationProp on_device(int device) {
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    return properties;
  }
  static CUresult set_access(CUdeviceptr address, std::size_t bytes) {
    CUmemAccessDesc access{};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    return cuMemSetAccess(address, bytes, &access, 1);
  }
  static constexpr std::size_t page = std::size_t{2} << 20;
};

TEST_F(Driver, FunctionsAreHandedOutByName) {
  EXPECT_EQ(driver_function<decltype(&cuMemMap)>("cuMemMap"), &cuMemMap);
  int count = 0;
  expect_ok(driver_function<decltype(&cuInit)>("cuInit")(0));
  expect_ok(driver_function<decltype(&cuDeviceGetCount)>("cuDeviceGetCount")(&count));
  EXPECT_EQ(count, 1);
  void* found = &count;
  cudaDriverEntryPointQueryResult status{};
  expect_ok(cudaGetDriverEntryPointByVersion("cuNothing", &found, 13000, 0, &status));
  EXPECT_EQ(status, cudaDriverEntryPointSymbolNotFound);
  EXPECT_EQ(found, nullptr);
  expect_ok(cudaGetDriverEntryPointByVersion("cuInit", &found, 99000, 0, &status));
  EXPECT_EQ(status, cudaDriverEntryPointVersionNotSufficent);
  EXPECT_EQ(cudaGetDriverEntryPointByVersion("cuInit", &found, 13000, 8, &status), cudaErrorInvalidValue);
  (void)cudaGetLastError();
}

TEST_F(Driver, MappedMemoryIsDeviceMemoryOnceAccessIsSet) {
  const CUmemAllocationProp properties = on_device(0);
  std::size_t granularity = 0;
  expect_ok(cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
  EXPECT_EQ(granularity, page);
  CUdeviceptr address = 0;
  expect_ok(cuMemAddressReserve(&address, 4 * page, 0, 0, 0));
  EXPECT_EQ(address % page, 0U);
  std::array<CUmemGenericAllocationHandle, 2> handles{};
  for (auto& handle : handles) expect_ok(cuMemCreate(&handle, page, &properties, 0));
  EXPECT_EQ(cuMemMap(address + 1, page, 0, handles[0], 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemMap(address, page, page, handles[0], 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemMap(address + 4 * page, page, 0, handles[0], 0), CUDA_ERROR_INVALID_VALUE);
  expect_ok(cuMemMap(address, page, 0, handles[0], 0));
  EXPECT_EQ(cuMemMap(address, page, 0, handles[1], 0), CUDA_ERROR_INVALID_VALUE)
      << "something is mapped there";
  expect_ok(cuMemMap(address + page, page, 0, handles[1], 0));

  auto* memory = reinterpret_cast<unsigned char*>(address);
  std::vector<unsigned char> values(2 * page, 5);
  EXPECT_EQ(cudaMemcpy(memory, values.data(), 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue)
      << "no access yet";
  EXPECT_EQ(set_access(address, 3 * page), CUDA_ERROR_INVALID_VALUE) << "a third page is not mapped";
  expect_ok(set_access(address, 2 * page));
  expect_ok(cudaMemcpy(memory, values.data(), 2 * page, cudaMemcpyHostToDevice));
  EXPECT_EQ(cudaMemcpy(memory, values.data(), 2 * page + 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  unsigned char last = 0;
  expect_ok(cudaMemcpy(&last, memory + 2 * page - 1, 1, cudaMemcpyDeviceToHost));
  EXPECT_EQ(last, 5);

  EXPECT_EQ(to_string(live_objects()), "2 memory handles, 2 mappings, 1 address reservation");
  EXPECT_EQ(cuMemAddressFree(address, 4 * page), CUDA_ERROR_INVALID_VALUE) << "something is still mapped";
  EXPECT_EQ(cuMemUnmap(address, page / 2), CUDA_ERROR_INVALID_VALUE);
  expect_ok(cuMemUnmap(address, 2 * page));
  EXPECT_EQ(cudaMemcpy(&last, memory, 1, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  for (const auto handle : handles) expect_ok(cuMemRelease(handle));
  EXPECT_EQ(cuMemRelease(handles[0]), CUDA_ERROR_INVALID_VALUE);
  expect_ok(cuMemAddressFree(address, 4 * page));
}

TEST_F(Driver, TheSamePagesKeepTheirContentsWhereverTheyAreMapped) {
  const CUmemAllocationProp properties = on_device(0);
  CUdeviceptr address = 0;
  CUmemGenericAllocationHandle handle = 0;
  expect_ok(cuMemAddressReserve(&address, 2 * page, 0, 0, 0));
  expect_ok(cuMemCreate(&handle, page, &properties, 0));
  expect_ok(cuMemMap(address, page, 0, handle, 0));
  expect_ok(set_access(address, page));
  expect_ok(cudaMemset(reinterpret_cast<void*>(address), 42, page));
  expect_ok(cudaDeviceSynchronize());
  expect_ok(cuMemUnmap(address, page));
  expect_ok(cuMemMap(address + page, page, 0, handle, 0));
  expect_ok(set_access(address + page, page));
  unsigned char byte = 0;
  expect_ok(cudaMemcpy(&byte, reinterpret_cast<void*>(address + page), 1, cudaMemcpyDeviceToHost));
  EXPECT_EQ(byte, 42);
  expect_ok(cuMemUnmap(address + page, page));
  expect_ok(cuMemRelease(handle));
  expect_ok(cuMemAddressFree(address, 2 * page));
}

TEST_F(Driver, CapacityIsSharedWithCudaMallocAndHeldWhileAnythingShowsIt) {
  Machine small = machine();
  small.memory_bytes = 8 * page;
  small.context_bytes = 0;
  set_machine(small);
  const CUmemAllocationProp properties = on_device(0);
  CUdeviceptr address = 0;
  CUmemGenericAllocationHandle handle = 0;
  CUmemGenericAllocationHandle more = 0;
  void* rest = nullptr;
  expect_ok(cuMemAddressReserve(&address, 8 * page, 0, 0, 0));
  expect_ok(cuMemCreate(&handle, 6 * page, &properties, 0));
  EXPECT_EQ(cuMemCreate(&more, 4 * page, &properties, 0), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cudaMalloc(&rest, 3 * page), cudaErrorMemoryAllocation);
  expect_ok(cuMemMap(address, 6 * page, 0, handle, 0));
  expect_ok(cuMemRelease(handle));
  EXPECT_EQ(cudaMalloc(&rest, 3 * page), cudaErrorMemoryAllocation) << "the mapping still holds it";
  expect_ok(cuMemUnmap(address, 6 * page));
  expect_ok(cudaMalloc(&rest, 3 * page));
  expect_ok(cudaFree(rest));
  expect_ok(cuMemAddressFree(address, 8 * page));
  (void)cudaGetLastError();
}

/// Maps `count` pages; when a step fails, takes back all that was done if `roll_back`.
CUresult map_pages(CUdeviceptr address, std::vector<CUmemGenericAllocationHandle>& handles, std::size_t page,
                   const CUmemAllocationProp& properties, bool roll_back) {
  CUresult status = CUDA_SUCCESS;
  std::size_t mapped = 0;
  for (; mapped < handles.size() && status == CUDA_SUCCESS; ++mapped) {
    status = cuMemCreate(&handles[mapped], page, &properties, 0);
    if (status != CUDA_SUCCESS) break;
    status = cuMemMap(address + mapped * page, page, 0, handles[mapped], 0);
    if (status != CUDA_SUCCESS && roll_back) cuMemRelease(handles[mapped]);
    if (status != CUDA_SUCCESS) break;
  }
  for (std::size_t i = 0; i < mapped && status != CUDA_SUCCESS && roll_back; ++i) {
    cuMemUnmap(address + i * page, page);
    cuMemRelease(handles[i]);
  }
  return status;
}

TEST_F(Driver, APartialMapThatIsNotRolledBackShows) {
  const CUmemAllocationProp properties = on_device(0);
  CUdeviceptr address = 0;
  expect_ok(cuMemAddressReserve(&address, 4 * page, 0, 0, 0));
  for (const char* call_name : {"cuMemCreate", "cuMemMap"}) {
    std::vector<CUmemGenericAllocationHandle> handles(4);
    fail_call(call_name, 3, cudaErrorMemoryAllocation);
    EXPECT_EQ(map_pages(address, handles, page, properties, true), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(to_string(live_objects()), "1 address reservation");
  }
  std::vector<CUmemGenericAllocationHandle> handles(4);
  fail_call("cuMemMap", 3, cudaErrorMemoryAllocation);
  EXPECT_EQ(map_pages(address, handles, page, properties, false), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(to_string(live_objects()), "3 memory handles, 2 mappings, 1 address reservation");
  expect_ok(cuMemUnmap(address, 2 * page));
  for (std::size_t i = 0; i < 3; ++i) expect_ok(cuMemRelease(handles[i]));
  expect_ok(cuMemAddressFree(address, 4 * page));
}

TEST_F(Driver, ErrorsHaveTheirNamesAndTheStickyOnesStay) {
  const char* name = nullptr;
  expect_ok(cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &name));
  EXPECT_STREQ(name, "CUDA_ERROR_OUT_OF_MEMORY");
  expect_ok(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &name));
  EXPECT_STREQ(name, "out of memory");
  EXPECT_EQ(cuGetErrorName(static_cast<CUresult>(12), &name), CUDA_ERROR_INVALID_VALUE);
  fail_call("cuCtxSynchronize", 1, cudaErrorIllegalAddress);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
