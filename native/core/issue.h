// How many instructions per cycle a core takes in: a loop of instructions that need a slot of the front end and no port, and a loop whose
// every turn is a number of cycles. A neighbour on the core's other hardware thread halves the first and leaves the second as it is.
#pragma once
#include <stdint.h>

namespace rp {

#define RP_FOUR(x) x x x x
#define RP_TWENTY_FOUR(x) RP_FOUR(x) RP_FOUR(x) RP_FOUR(x) RP_FOUR(x) RP_FOUR(x) RP_FOUR(x)

constexpr double issuedPerPass = 96;
constexpr double ticksPerPass = 96;

#if defined(__x86_64__)
// Zeroing idioms, which both makers resolve where registers are renamed. Not `nop`: 32 of one byte lie in a window of 32 bytes, more than a
// line of decoded instructions holds, so that the decoders limit them (Emerald Rapids: 5.33 a cycle for 5.94), and makers may fuse two. Not
// more of them: 96 fit the smallest cache of decoded instructions (384 take 5.4 to 5.9 from run to run).
inline void issue(uint64_t passes) {
  __asm__ volatile(
      ".p2align 6\n1:\n\t" RP_TWENTY_FOUR("xorl %%r8d, %%r8d\n\txorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n\txorl %%r11d, %%r11d\n\t")
      "subq $1, %0\n\tjnz 1b"
      : "+r"(passes)
      :
      : "r8", "r9", "r10", "r11", "cc");
}
// Register plus register, as in kernels/asm.h.
inline void tick(uint64_t passes) {
  uint64_t chain = 0;
  const uint64_t one = 1;
  __asm__ volatile(
      ".p2align 6\n1:\n\t" RP_TWENTY_FOUR(RP_FOUR("addq %2, %1\n\t"))
      "subq $1, %0\n\tjnz 1b"
      : "+r"(passes), "+r"(chain)
      : "r"(one)
      : "cc");
}
#elif defined(__aarch64__)
// Not every core resolves a zeroed register without a port; none has one for `nop`.
inline void issue(uint64_t passes) {
  __asm__ volatile(".p2align 6\n1:\n\t" RP_TWENTY_FOUR(RP_FOUR("nop\n\t")) "subs %0, %0, #1\n\tb.ne 1b" : "+r"(passes) : : "cc");
}
inline void tick(uint64_t passes) {
  uint64_t chain = 0;
  const uint64_t one = 1;
  __asm__ volatile(".p2align 6\n1:\n\t" RP_TWENTY_FOUR(RP_FOUR("add %1, %1, %2\n\t")) "subs %0, %0, #1\n\tb.ne 1b"
                   : "+r"(passes), "+r"(chain)
                   : "r"(one)
                   : "cc");
}
#endif

#undef RP_TWENTY_FOUR
#undef RP_FOUR

}  // namespace rp
