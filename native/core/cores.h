// Whose cores the kernels are tuned for. What is best differs between makers where both have the same instructions: how far ahead lines are
// asked for, how many streams a core follows, what a masked store costs. A kernel that goes two ways says at the place what each way took on
// which core; where no such figure exists there is one way for all. Results are within the same tolerance
// either way; of a quantized number that lies exactly between two, either may be chosen.
#pragma once
#include <stdint.h>

namespace rp {

enum class Cores { other, intel, amd };

// Those of this machine (CPUID leaf 0), or those that the environment variable RIDGEPOINT_CORES names: other, intel, amd.
Cores tunedFor();

// Tunes for other cores from the next call on, for tests and comparisons on one machine; not while a kernel runs.
void tuneFor(Cores cores);

// Bytes of a core's L1 of data, 32 KiB where the CPU does not say.
int64_t l1Bytes();

// Bytes of a core's L2, 0 where the CPU does not say: of this machine, or those that the environment variable RIDGEPOINT_L2 names.
int64_t l2Bytes();

// Takes that for the size of L2 from the next call on, 0 for what is found; likewise for tests.
void tuneForL2(int64_t bytes);

}  // namespace rp
