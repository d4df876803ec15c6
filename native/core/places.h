// Where on a thread's stack a probe runs.
//
// A function of many vectors spills some of them. Where a spill has the low 12 address bits of one of the function's constants, the two are
// at times taken for one another: on Zen 4, exp of 32-byte vectors then lost a quarter in 35 of 512 stack pages (of both threads or of one,
// for as long as the process lived), and between lines of one page it varied by 4 %. A thread's stack lies where the system put it, so a
// ceiling taken at one place only is a lottery; the ceiling is that of the best place.
#pragma once
#include <alloca.h>
#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace rp {

// Tries places for the probes of one thread, and remembers the best of each: every thread of a sample can then be at its own best, which
// chance alone grants many threads never.
class Places {
 public:
  static constexpr size_t lines = 256;
  static constexpr size_t deepest = lines * 64;

  // Bytes by which to lower the stack: a new place, or the best one so far.
  size_t next(const void* probe, bool explore) {
    Best& best = of(probe);
    if (best.tried > 0 && !explore) return best.depth;
    return ++best.tried * 97 % lines * 64;  // 97 is odd: all lines before any comes again, in strides of more than a page
  }
  void tell(const void* probe, size_t depth, double secondsPerPass) {
    Best& best = of(probe);
    if (secondsPerPass < best.secondsPerPass) best.depth = depth, best.secondsPerPass = secondsPerPass;
  }

 private:
  struct Best {
    const void* probe;
    size_t tried;
    size_t depth;
    double secondsPerPass;
  };
  Best& of(const void* probe) {
    for (Best& each : best_)
      if (each.probe == probe) return each;
    best_.push_back({probe, 0, 0, 1e9});
    return best_.back();
  }
  std::vector<Best> best_;
};

// Calls body() with the stack `depth` bytes lower.
template <typename Body>
__attribute__((noinline)) void callAt(size_t depth, Body body) {
  char* const room = static_cast<char*>(alloca(depth + 16));
  __asm__ volatile("" : : "r"(room) : "memory");
  body();
  __asm__ volatile("" : : "r"(room) : "memory");  // the room stays until here
}

// Writes to each page that a probe's stack may reach, so that none is missing while it is timed.
inline void touchStack() {
  constexpr size_t bytes = Places::deepest + (size_t(32) << 10);
  volatile char* const room = static_cast<char*>(alloca(bytes));
  for (size_t at = 0; at < bytes; at += 4096) room[at] = 0;
}

}  // namespace rp
