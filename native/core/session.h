// A measuring session: pinned threads, their memory, and one operation: take a sample of one probe. Independent of N-API.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "counters.h"
#include "gather.h"
#include "memory.h"
#include "places.h"
#include "pool.h"
#include "table.h"
#include "user.h"

namespace rp {

enum class Probe { compute, memory, chase, call, forkJoin, wake, program, issue, rows };

// One operator of a program: buffers by their number in the session.
struct Stage {
  const OpKernel* op = nullptr;
  const ridgepoint_kernel* user = nullptr;  // instead of `op`: all its tensors are in `out`
  std::vector<int64_t> dims;
  std::vector<int> in, out;
};

// A tensor of a program. f32 and f64 are filled with values in [-1, 1), anything else with random bytes, unless `data` is given.
struct Tensor {
  enum class Fill { f32, f64, bytes };
  size_t bytes = 0;
  Fill fill = Fill::f32;
  std::vector<char> data;
};

struct Spec {
  Probe probe = Probe::call;
  const Variant* variant = nullptr;
  const ComputeProbe* compute = nullptr;
  const MemoryProbe* memory = nullptr;
  int threads = 1;
  size_t bytes = 0;     // memory: bytes per thread and pass, a multiple of 64; chase: bytes of the cycle; rows: of each thread's table
  bool roam = false;    // memory: each pass continues where the last ended, so that nothing read is still in a cache;
                        // it stays clear of the resident part, which other probes keep in the caches; so does a table of rows
                        // chase: the cycle is built for this sample and not kept
  size_t row = 0;       // rows: bytes of one
  Asking asking;        // rows: how they are asked for
  bool warm = false;    // chase: walk the cycle's lines in order before the sample, so that what fits a cache is in it
  uint64_t passes = 1;  // turns of the kernel's loop per repetition
  int repetitions = 1;
  std::vector<Stage> stages;  // program: run in order, the threads meeting after each; a single one of ours is called again at once, as probes are
  bool meets = false;  // program: the threads meet after a single stage too, as they have to where another operator reads what it wrote
  bool counters = false;  // program: also read the threads' hardware counters; where they cannot be had, nothing runs
  bool clock = false;  // also take the core clock, right after each repetition, under the same instructions
};

struct Sample {
  std::vector<double> seconds;  // one per repetition: last thread's end minus first thread's start
  std::vector<double> clockHz;  // one per repetition, mean over threads (issue: the slowest); empty where not asked for or not possible
  std::vector<double> counters;  // instructions, cycles, last-level misses of all repetitions and threads; empty where not to be had
  int counterProblem = 0;        // errno of the system's refusal
  double work = 0;              // FLOP, bytes, dependent loads, calls or instructions of one repetition, all threads
};

// How much of its memory a session touches behind the resident bytes: everything; after `seconds` no more than `enough`; after twice as long
// no more than `least`. Where the host of a virtual machine has to find each page first, 300 MiB can take seconds.
struct Touch {
  double seconds = 1e9;
  size_t enough = 0;
  size_t least = 0;
};

struct SessionInfo {
  int threads = 0;
  int pinned = 0;
  std::vector<size_t> touched;  // bytes per thread that may be measured
  size_t bytes = 0;             // their sum
  size_t hugeBytes = 0;
};

class Session {
 public:
  ~Session();
  // Starts the threads and touches their memory first from the thread that will read it (the NUMA node follows the first touch).
  // The first `residentPerThread` bytes are for probes that do not roam.
  // False where memory or threads are refused or cancel() was called; `problem` then says which.
  bool open(const std::vector<size_t>& bytesPerThread, const std::vector<size_t>& residentPerThread, const char** problem,
            Touch touch = {});
  // Replaces the operators' tensors by new ones, filled; false where memory is refused: then there are none.
  bool allocate(std::vector<Tensor> tensors);
  // Where a buffer's values begin: staggered, so that the buffers of an operator do not fall into the same cache sets.
  // Each lies before the one of the number before it, modulo 4 KiB: where an output lay up to 600 B behind an input, a store looked like the
  // source of the loads of the next lines, and a copy from L2 took up to 8.3 cycles a line for 4.1 on Zen 4.
  char* buffer(int index) const { return buffers_[index] + (staggers - 1 - size_t(index) % staggers) * staggerBytes; }
  // Takes one sample; false after cancel().
  bool take(const Spec& spec, Sample& sample);
  // Makes open() and take() return within one repetition. May be called from any thread.
  void cancel() { cancelled_.store(true); }
  SessionInfo info() const { return info_; }

 private:
  struct Run;
  static void runThread(void* context, int thread);
  static void touchThread(void* context, int thread);
  static void fillThread(void* context, int thread);
  void runStages(const Spec& spec, int thread);
  bool hasBuffers(const Spec& spec) const;
  static constexpr size_t staggerBytes = 9 * 64;
  static constexpr size_t staggers = 7;
  double workOf(const Spec& spec) const;

  Pool pool_;
  std::vector<Region> regions_;
  Region arena_;  // of the tensors, one behind the other, each from a whole page on
  std::vector<char*> buffers_;
  std::vector<Tensor> tensors_;
  std::vector<Region> scratch_;
  struct Cycle {
    size_t bytes = 0;
    Region region;
    const char* at = nullptr;
  };
  Cycle* cycle(size_t bytes, bool keep);
  std::vector<Cycle> cycles_;  // kept, one per size
  Cycle passing_;              // the last one that was not kept
  std::vector<size_t> positions_;
  std::vector<size_t> resident_;
  std::vector<size_t> touched_;
  Touch touch_;
  double touchFrom_ = 0;
  std::vector<Places> places_;  // one per thread
  std::vector<uint64_t> drawn_;  // rows that each thread has drawn
  // The table whose share the caches hold, as a gather that goes on finds it; of no bytes once anything else has run.
  struct Table {
    size_t bytes = 0;
    int threads = 0;
  };
  Table warm_;
  size_t tableBytes(const Spec& spec, int thread) const;
  SessionInfo info_;
  std::atomic<bool> cancelled_{false};
  std::mutex turn_;  // open(), allocate() and take() of two callers wait for one another: the threads have one job at a time
};

}  // namespace rp
