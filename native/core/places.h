// Where a probe runs: how deep in a thread's stack, and at which part of its memory.
//
// A function of many vectors spills some of them. Where a spill has the low 12 address bits of one of the function's constants, the two are
// at times taken for one another: on Zen 4, exp of 32-byte vectors then lost a quarter in 35 of 512 stack pages (of both threads or of one,
// for as long as the process lived), and between lines of one page it varied by 4 %. A thread's stack lies where the system put it, so a
// ceiling taken at one place only is a lottery; the ceiling is that of the best place.
//
// Memory is a lottery as well. A huge page of a virtual machine may be 512 scattered pages of its host, and a cache that physical addresses
// index then has sets that are asked for more lines than they hold: of 16 pages of 2 MiB, 512 KiB of one were read at 104 to 117 GB/s out
// of the 1 MiB L2 of a Zen 4 guest, each page at its own rate in every process.
#pragma once
#include <alloca.h>
#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace rp {

// Tries places for what one thread runs, and remembers the best of each: every thread of a sample can then be at its own best, which
// chance alone grants many threads never.
class Places {
 public:
  // Depths of the stack: lines, over four pages.
  static constexpr size_t line = 64;
  static constexpr size_t lines = 256;
  static constexpr size_t deepest = lines * line;

  // A number below `count`: in every second call a new place, then the best one so far. After `most` new ones only the best.
  // `key` tells what is run from all else that this thread runs.
  size_t next(uint64_t key, size_t count, size_t most) {
    Best& best = of(key);
    if (best.tried > 0 && (best.calls++ % 2 != 0 || best.tried >= most)) return best.place;
    return ++best.tried * 97 % count;  // 97 is prime: all places before any comes again, in long strides
  }
  void tell(uint64_t key, size_t place, double secondsPerPass) {
    Best& best = of(key);
    if (secondsPerPass < best.secondsPerPass) best.place = place, best.secondsPerPass = secondsPerPass;
  }

 private:
  struct Best {
    uint64_t key;
    size_t calls;
    size_t tried;
    size_t place;
    double secondsPerPass;
  };
  Best& of(uint64_t key) {
    for (Best& each : best_)
      if (each.key == key) return each;
    best_.push_back({key, 1, 0, 0, 1e9});
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
