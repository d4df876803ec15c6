// Pinned threads, started once and kept: between jobs they sleep, within a job they meet at a spinning barrier.
#pragma once
#include <pthread.h>
#include <stdint.h>

#include <atomic>

namespace rp {

class Barrier {
 public:
  void reset(int parties);
  void wait();

 private:
  int parties_ = 1;
  std::atomic<int> waiting_{0};
  std::atomic<uint32_t> phase_{0};
};

class Pool {
 public:
  typedef void (*Job)(void* context, int thread);

  ~Pool() { stop(); }
  // Starts up to `threads` threads, each pinned to one allowed CPU in turn; returns how many the system granted.
  int start(int threads);
  void stop();
  // Runs job(context, 0..active-1), one call per thread, and returns when all are done. Not re-entrant.
  void run(int active, Job job, void* context);
  int size() const { return size_; }
  int pinned() const { return pinned_.load(); }
  Barrier& barrier() { return barrier_; }

 private:
  static void* entry(void* argument);
  void loop(int thread);

  static constexpr int limit = 1024;
  struct Seat {
    Pool* pool;
    int thread;
    int cpu;
  };
  pthread_t* threads_ = nullptr;
  Seat* seats_ = nullptr;
  int size_ = 0;
  std::atomic<int> pinned_{0};
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t begin_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t finished_ = PTHREAD_COND_INITIALIZER;
  uint64_t epoch_ = 0;
  int active_ = 0;
  int remaining_ = 0;
  int ready_ = 0;
  bool stopping_ = false;
  Job job_ = nullptr;
  void* context_ = nullptr;
  Barrier barrier_;
};

// CPUs this process may run on, by its affinity mask; writes at most `limit` numbers and returns how many there are.
int allowedCpus(int* cpus, int limit);

}  // namespace rp
