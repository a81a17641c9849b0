#include <utility>

#include "tests/cuda_on_cpu/cudart/condition.hpp"
#include "tests/cuda_on_cpu/self/vehicle_test.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

namespace prophet::cuda_on_cpu {
namespace {

class CudartGraph : public VehicleTest {};

/// A kernel of one thread.
void launch(cudaStream_t stream, std::function<void()> body) {
  expect_ok(simt::enqueue(dim3(1), dim3(1), 0, stream, nullptr, std::move(body)));
}

class OwnedGraph {
 public:
  OwnedGraph() = default;
  OwnedGraph(const OwnedGraph&) = delete;
  OwnedGraph& operator=(const OwnedGraph&) = delete;
  ~OwnedGraph() {
    if (exec != nullptr) cudaGraphExecDestroy(exec);
    if (graph != nullptr) cudaGraphDestroy(graph);
  }
  void end_capture_and_instantiate(cudaStream_t stream) {
    expect_ok(cudaStreamEndCapture(stream, &graph));
    expect_ok(cudaGraphInstantiate(&exec, graph, 0));
  }
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
};

TEST_F(CudartGraph, ReplaysReadWhatIsInMemoryThen) {
  const OwnedStream stream;
  const auto input = device_memory<int>(1);
  const auto output = device_memory<int>(1);
  OwnedGraph graph;
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  launch(stream, [in = input.data(), out = output.data()] { *out = 2 * *in; });
  graph.end_capture_and_instantiate(stream);
  for (const int value : {3, 5, 8}) {
    expect_ok(cudaMemcpyAsync(input.data(), &value, sizeof value, cudaMemcpyHostToDevice, stream));
    expect_ok(cudaGraphLaunch(graph.exec, stream));
    expect_ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(read_back(output)[0], 2 * value);
  }
}

TEST_F(CudartGraph, NothingRunsWhileItIsCaptured) {
  const OwnedStream stream;
  const auto memory = device_memory<unsigned char>(16);
  expect_ok(cudaMemset(memory.data(), 1, 16));
  OwnedGraph graph;
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  expect_ok(cudaMemsetAsync(memory.data(), 2, 16, stream));
  graph.end_capture_and_instantiate(stream);
  EXPECT_EQ(read_back(memory)[0], 1);
  expect_ok(cudaGraphLaunch(graph.exec, stream));
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(memory)[0], 2);
}

/// Two branches that must both be done before the last node; `join` false leaves one branch's edge out.
int fork_and_join(bool join_before_sum) {
  const OwnedStream main;
  const OwnedStream side;
  const OwnedEvent forked;
  const OwnedEvent joined;
  const auto values = device_memory<int>(3);
  OwnedGraph graph;
  int* data = values.data();
  expect_ok(cudaStreamBeginCapture(main, cudaStreamCaptureModeGlobal));
  launch(main, [data] { data[0] = data[1] = data[2] = 0; });
  expect_ok(cudaEventRecord(forked, main));
  expect_ok(cudaStreamWaitEvent(side, forked, 0));
  launch(main, [data] { data[0] = 1; });
  launch(side, [data] { data[1] = 2; });
  expect_ok(cudaEventRecord(joined, side));
  if (join_before_sum) expect_ok(cudaStreamWaitEvent(main, joined, 0));
  launch(main, [data] { data[2] = data[0] + data[1]; });
  if (!join_before_sum) expect_ok(cudaStreamWaitEvent(main, joined, 0));
  graph.end_capture_and_instantiate(main);
  int wrong = 0;
  for (int launch_number = 0; launch_number < 20; ++launch_number) {
    expect_ok(cudaGraphLaunch(graph.exec, main));
    expect_ok(cudaStreamSynchronize(main));
    wrong += read_back(values)[2] != 3;
  }
  return wrong;
}

TEST_F(CudartGraph, ForkedBranchesAreJoinedByEvents) {
  EXPECT_EQ(fork_and_join(true), 0);
}
TEST_F(CudartGraph, AJoinThatComesTooLateShows) {
  EXPECT_GT(fork_and_join(false), 0);
}

TEST_F(CudartGraph, AnUnjoinedBranchIsRefused) {
  const OwnedStream main;
  const OwnedStream side;
  const OwnedEvent forked;
  const auto memory = device_memory<unsigned char>(16);
  expect_ok(cudaStreamBeginCapture(main, cudaStreamCaptureModeGlobal));
  expect_ok(cudaEventRecord(forked, main));
  expect_ok(cudaStreamWaitEvent(side, forked, 0));
  expect_ok(cudaMemsetAsync(memory.data(), 2, 16, side));
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(main, &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
}

TEST_F(CudartGraph, WhatNoCaptureAllowsIsRefusedAndEndsIt) {
  const OwnedStream stream;
  const OwnedStream other;
  const OwnedEvent outside;
  expect_ok(cudaEventRecord(outside, other));
  const std::vector<std::function<cudaError_t()>> forbidden = {
      [&] { return cudaStreamSynchronize(stream); },
      [&] { return cudaStreamWaitEvent(stream, outside, 0); },
      [&] {
        void* memory = nullptr;
        return cudaMalloc(&memory, 16);
      },
      [&] { return cudaDeviceSynchronize(); },
  };
  for (const auto& forbidden_call : forbidden) {
    expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    EXPECT_NE(forbidden_call(), cudaSuccess);
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  }
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
  (void)cudaGetLastError();
}

TEST_F(CudartGraph, ACaptureWhoseEndFailsIsOverAndLeavesNoGraph) {
  const OwnedStream stream;
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  fail_call("cudaStreamEndCapture", 1, cudaErrorMemoryAllocation);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorMemoryAllocation);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(live_objects().graphs, 0U);
  expect_ok(cudaStreamSynchronize(stream));
}

TEST_F(CudartGraph, AnEventOfACaptureCannotBeWaitedForOutside) {
  const OwnedStream stream;
  const OwnedStream other;
  const OwnedEvent event;
  OwnedGraph graph;
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  expect_ok(cudaEventRecord(event, stream));
  EXPECT_EQ(cudaEventSynchronize(event), cudaErrorCapturedEvent);
  graph.end_capture_and_instantiate(stream);
  EXPECT_EQ(cudaStreamWaitEvent(other, event, 0), cudaErrorCapturedEvent);
  (void)cudaGetLastError();
}

TEST_F(CudartGraph, AnUpdateTakesNewArgumentsAndNoOtherShape) {
  const OwnedStream stream;
  const auto memory = device_memory<unsigned char>(4);
  const auto capture_fills = [&](OwnedGraph& graph, int value, int count) {
    expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    for (int i = 0; i < count; ++i) expect_ok(cudaMemsetAsync(memory.data(), value, 4, stream));
    graph.end_capture_and_instantiate(stream);
  };
  OwnedGraph first;
  OwnedGraph second;
  OwnedGraph longer;
  capture_fills(first, 1, 1);
  capture_fills(second, 2, 1);
  capture_fills(longer, 3, 2);
  cudaGraphExecUpdateResultInfo info{};
  expect_ok(cudaGraphExecUpdate(first.exec, second.graph, &info));
  expect_ok(cudaGraphLaunch(first.exec, stream));
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(memory)[0], 2);
  EXPECT_EQ(cudaGraphExecUpdate(first.exec, longer.graph, &info), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(info.result, cudaGraphExecUpdateErrorTopologyChanged);
  (void)cudaGetLastError();
}

TEST_F(CudartGraph, AConditionalNodeRunsItsBodyWhenAKernelSaysSo) {
  const OwnedStream stream;
  const OwnedStream body_stream;
  const auto wanted = device_memory<unsigned>(1);
  const auto output = device_memory<int>(1);
  OwnedGraph graph;
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  cudaStreamCaptureStatus status{};
  cudaGraph_t capturing = nullptr;
  expect_ok(cudaStreamGetCaptureInfo(stream, &status, nullptr, &capturing, nullptr, nullptr, nullptr));
  cudaGraphConditionalHandle handle = 0;
  expect_ok(cudaGraphConditionalHandleCreate(&handle, capturing, 0, cudaGraphCondAssignDefault));
  launch(stream, [handle, in = wanted.data(), out = output.data()] {
    *out = 0;
    set_condition(handle, *in);
  });
  const cudaGraphNode_t* after = nullptr;
  std::size_t after_count = 0;
  expect_ok(cudaStreamGetCaptureInfo(stream, &status, nullptr, &capturing, &after, nullptr, &after_count));
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = handle;
  parameters.conditional.type = cudaGraphCondTypeIf;
  parameters.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
  expect_ok(cudaGraphAddNode(&node, capturing, after, nullptr, after_count, &parameters));
  expect_ok(cudaStreamUpdateCaptureDependencies(stream, &node, nullptr, 1, cudaStreamSetCaptureDependencies));
  launch(stream, [out = output.data()] { *out += 100; });
  cudaGraph_t body = parameters.conditional.phGraph_out[0];
  expect_ok(
      cudaStreamBeginCaptureToGraph(body_stream, body, nullptr, nullptr, 0, cudaStreamCaptureModeRelaxed));
  launch(body_stream, [out = output.data()] { *out += 7; });
  expect_ok(cudaStreamEndCapture(body_stream, &body));
  graph.end_capture_and_instantiate(stream);
  for (const unsigned value : {1U, 0U, 1U}) {
    put(wanted.data(), &value, sizeof value);
    expect_ok(cudaGraphLaunch(graph.exec, stream));
    expect_ok(cudaStreamSynchronize(stream));
    EXPECT_EQ(read_back(output)[0], value != 0 ? 107 : 100);
  }
}

/// A graph of one IF node, whose handle is `handle` or, where that is 0, one of its own.
struct Decided {
  explicit Decided(cudaGraphConditionalHandle handle = 0) {
    expect_ok(cudaGraphCreate(&graph.graph, 0));
    own = new_handle();
    parameters.type = cudaGraphNodeTypeConditional;
    parameters.conditional.handle = handle != 0 ? handle : own;
    parameters.conditional.type = cudaGraphCondTypeIf;
    parameters.conditional.size = 1;
    cudaGraphNode_t node = nullptr;
    added = cudaGraphAddNode(&node, graph.graph, nullptr, nullptr, 0, &parameters);
  }
  [[nodiscard]] cudaGraphConditionalHandle new_handle() const {
    cudaGraphConditionalHandle handle = 0;
    expect_ok(cudaGraphConditionalHandleCreate(&handle, graph.graph, 0, cudaGraphCondAssignDefault));
    return handle;
  }
  OwnedGraph graph;
  cudaGraphConditionalHandle own = 0;
  cudaGraphNodeParams parameters{};
  cudaError_t added = cudaSuccess;
};

TEST_F(CudartGraph, ANodeDecidesByAHandleOfItsOwnGraphOrOfOneAround) {
  const Decided outer;
  expect_ok(outer.added);
  EXPECT_EQ(Decided(outer.own).added, cudaErrorInvalidValue) << "a handle of another graph";
  cudaGraphNodeParams inner = outer.parameters;
  inner.conditional.phGraph_out = nullptr;
  inner.conditional.handle = outer.new_handle();
  cudaGraphNode_t node = nullptr;
  expect_ok(
      cudaGraphAddNode(&node, outer.parameters.conditional.phGraph_out[0], nullptr, nullptr, 0, &inner));
  (void)cudaGetLastError();
}

TEST_F(CudartGraph, WhatConditionalNodesForbidIsRefusedWhenTheGraphIsMade) {
  cudaGraphExec_t second = nullptr;
  Decided twice;
  expect_ok(cudaGraphInstantiate(&twice.graph.exec, twice.graph.graph, 0));
  EXPECT_EQ(cudaGraphInstantiate(&second, twice.graph.graph, 0), cudaErrorInvalidValue);
  expect_ok(cudaGraphExecDestroy(twice.graph.exec));
  expect_ok(cudaGraphInstantiate(&twice.graph.exec, twice.graph.graph, 0));

  const Decided without_node;
  static_cast<void>(without_node.new_handle());
  EXPECT_EQ(cudaGraphInstantiate(&second, without_node.graph.graph, 0), cudaErrorInvalidValue);

  const Decided calls_the_host;
  const OwnedStream stream;
  cudaGraph_t body = calls_the_host.parameters.conditional.phGraph_out[0];
  expect_ok(cudaStreamBeginCaptureToGraph(stream, body, nullptr, nullptr, 0, cudaStreamCaptureModeRelaxed));
  expect_ok(cudaLaunchHostFunc(
      stream, [](void*) {}, nullptr));
  expect_ok(cudaStreamEndCapture(stream, &body));
  EXPECT_EQ(cudaGraphInstantiate(&second, calls_the_host.graph.graph, 0), cudaErrorInvalidValue);
  (void)cudaGetLastError();
}

TEST_F(CudartGraph, LeftOverGraphsAreReported) {
  cudaGraph_t graph = nullptr;
  expect_ok(cudaGraphCreate(&graph, 0));
  cudaGraphExec_t exec = nullptr;
  expect_ok(cudaGraphInstantiate(&exec, graph, 0));
  EXPECT_EQ(to_string(live_objects()), "1 graph, 1 graph exec");
  expect_ok(cudaGraphExecDestroy(exec));
  expect_ok(cudaGraphDestroy(graph));
  EXPECT_EQ(cudaGraphDestroy(graph), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGraphLaunch(exec, nullptr), cudaErrorInvalidValue);
  (void)cudaGetLastError();
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
