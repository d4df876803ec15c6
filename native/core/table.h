// What one ISA variant offers to the core. Plain data, no N-API, no standard library types: the kernel files that fill it are
// compiled with ISA flags and must not emit any inline function that the linker could pick for the baseline program.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace rp {

// One compute probe: `passes` turns of the loop; returns a value that depends on every operation, so that none can be dropped.
typedef double (*ComputeFn)(uint64_t passes);
// One read probe: `lines` lines of 64 B, `passes` times over; returns the xor of all 64-bit words read.
typedef uint64_t (*ReadFn)(const void* base, size_t lines, uint64_t passes);

struct ComputeProbe {
  ComputeFn run;
  double flopsPerPass;
  // The same instructions below their port limit, beside a chain of dependent adds: the chain advances one per core cycle.
  ComputeFn clock;
  double cyclesPerPass;
};

struct ReadProbe {
  ReadFn run;
  ReadFn clock;  // null where the probe is not bound by the core
  double cyclesPerLine;
};

// Floats of scratch memory that every operator kernel may use, per thread: 4 MiB.
constexpr size_t scratchFloats = size_t(1) << 20;

// One thread's share of an operator. The threads of a call work on disjoint outputs and never wait for one another, so a stage can
// also be run thread after thread. Tensors are row-major f32, in the order of the operator's cost().
struct OpArgs {
  const int64_t* dims;
  const float* const* in;
  float* const* out;
  float* scratch;
  int thread;
  int threads;
};
typedef void (*OpFn)(const OpArgs& args);

struct OpKernel {
  const char* id;
  OpFn run;
  int dims;
  int inputs;
  int outputs;
};

struct Variant {
  const char* isa;
  int vectorBytes;
  ComputeProbe fmaF32;
  ComputeProbe fmaF64;
  ReadProbe read;         // one stream, for the caches
  ReadProbe readStreams;  // eight concurrent streams, for DRAM
  OpKernel ops[24];
  int opCount;
};

}  // namespace rp
