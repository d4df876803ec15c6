// The ISA variants that are compiled in, and which of them this CPU and its operating system can run.
#pragma once
#include "table.h"

namespace rp {

// Variants this machine can run, narrowest first. Decided by CPU features alone, never by a model table.
struct Variants {
  const Variant* list[8];
  int count;     // the first `count` are measured
  int runnable;  // those behind are runnable but superseded: SSE2 without FMA on a CPU that has it
};
const Variants& variants();

// The variant of that name, or null where it is unknown or this CPU lacks it.
const Variant* findVariant(const char* isa);

// Features (table.h) that this CPU and its operating system have.
uint32_t features();

// Whether a row's instructions are compiled in and can run here.
inline bool canRun(const ComputeProbe& probe) { return probe.run && (probe.needs & features()) == probe.needs; }

// The probe of that id, or null where it is unknown or cannot run. A unit of its own goes before the id: "amx/dot-int8".
const ComputeProbe* findCompute(const Variant& variant, const char* id);
const MemoryProbe* findMemory(const Variant& variant, const char* id);

// The operator kernel of that id that this CPU can run, or null.
const OpKernel* findOp(const Variant& variant, const char* id);

// Whether operator kernels may use features beyond their variant's own, from the next look-up on. Without, a CPU that has VNNI runs what one that lacks it
// runs; for tests, since both are to be right wherever they are built.
bool usesFeatures();
void useFeatures(bool wanted);

// The CPU's own name for itself (CPUID leaves 0x80000002..4), or "" where it has none.
const char* cpuBrand();

}  // namespace rp
