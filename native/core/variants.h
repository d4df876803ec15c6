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

// The operator kernel of that id, or null.
const OpKernel* findOp(const Variant& variant, const char* id);

// The CPU's own name for itself (CPUID leaves 0x80000002..4), or "" where it has none.
const char* cpuBrand();

}  // namespace rp
