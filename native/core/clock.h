// Time and politeness while spinning.
#pragma once
#include <time.h>

namespace rp {

// Seconds on a clock that never steps back; resolution is nanoseconds on Linux, about 42 ns on Apple silicon.
inline double now() {
  timespec t;
#if defined(__APPLE__)
  clock_gettime(CLOCK_UPTIME_RAW, &t);
#else
  clock_gettime(CLOCK_MONOTONIC, &t);
#endif
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

inline void relax() {
#if defined(__x86_64__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace rp
