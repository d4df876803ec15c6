// What one ISA variant offers to the core. Plain data, no N-API, no standard library types: the kernel files that fill it are
// compiled with ISA flags and must not emit any inline function that the linker could pick for the baseline program.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace rp {

// One compute probe: `passes` turns of the loop; returns the sum over all lanes of all chains.
typedef double (*ComputeFn)(uint64_t passes);
// One memory probe: `passes` times over `lines` lines of 64 B; returns a value that depends on what was loaded.
typedef uint64_t (*MemoryFn)(void* base, size_t lines, uint64_t passes);
// Bytes that a pass over `lines` lines loads and stores: payload, without the reads that a cache adds to a store.
typedef size_t (*PayloadFn)(size_t lines);

// CPU features beyond a variant's own; a probe runs where all it needs are there.
enum Feature : uint32_t {
  featureAvx512Vnni = 1,
  featureAvxVnni = 2,
  featureAvx512Bf16 = 4,
  featureAvx512Fp16 = 8,
  featureAmxInt8 = 16,
  featureAmxBf16 = 32,
  featureDotProduct = 64,
  featureArmFp16 = 128,
  featureArmBf16 = 256,
  featureSveBf16 = 512,
  featureAvx512Vbmi = 1024,
};

struct ComputeProbe {
  const char* id;       // operation and type: "fma-f32", "dot-int8", "exp-f32"
  const char* engine;   // null: the vector unit; otherwise the name of a unit of its own, "amx"
  uint32_t needs;       // features; of several rows with one id the first that can run is the probe
  const char* needName;  // their name where they are missing, by the operating system's names
  ComputeFn run;        // null where the compiler does not know the instructions
  double opsPerPass;    // operations (instructions, or vectors put through a function) of a pass
  int lanes;            // results of one operation
  int perLane;          // FLOP or OP behind each of them
  double growth;        // what one FLOP or OP adds to the returned sum; 0 where values come back to where they began
  // The same instructions below their port limit, beside a chain of dependent adds: the chain advances one per core cycle.
  ComputeFn clock;
  double cyclesPerPass;
};

struct MemoryProbe {
  const char* id;  // a mix of loads and stores: "read", "update"; "read-8x2": eight streams, two lines (SVE: vectors) of each in turn
  MemoryFn run;
  PayloadFn payload;
  MemoryFn clock;  // null where the probe is not bound by the core
  double cyclesPerByte;  // of the clock twin, per byte of payload
};

// Floats of scratch memory that every operator kernel may use, per thread: 8 MiB.
constexpr size_t scratchFloats = size_t(1) << 21;

// One thread's share of an operator. The threads of a call work on disjoint outputs and never wait for one another, so a stage can
// also be run thread after thread. Tensors are row-major, in the order of the operator's cost(), of the types that the kernel's
// definition in src/kernels/families names; they are aligned to their own elements and to nothing more.
struct OpArgs {
  const int64_t* dims;
  const void* const* in;
  void* const* out;
  float* scratch;
  int thread;
  int threads;
};
typedef void (*OpFn)(const OpArgs& args);

// Outputs of this size and more are written past the caches where a kernel can: no cache would hold them for the next operator, and
// the line need not be read first. src/kernels/program.ts has the same number.
constexpr size_t streamedBytes = size_t(32) << 20;

// The most inputs, and outputs, of a kernel.
constexpr int maxTensors = 16;

struct OpKernel {
  const char* id;
  OpFn run;
  int dims;
  int inputs;
  int outputs;
  uint32_t needs = 0;  // features; of several rows with one id the first that can run is the kernel
};

struct Variant {
  const char* isa;
  int vectorBytes;
  ComputeProbe compute[48];
  int computeCount;
  MemoryProbe memory[56];
  int memoryCount;
  OpKernel ops[128];
  int opCount;
};

}  // namespace rp
