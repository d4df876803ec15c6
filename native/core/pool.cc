#include "pool.h"

#include <sched.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <pthread/qos.h>
#endif

#include "clock.h"

namespace rp {

void Barrier::reset(int parties) {
  parties_ = parties;
  waiting_.store(0);
}

void Barrier::wait() {
  const uint32_t phase = phase_.load(std::memory_order_acquire);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == parties_) {
    waiting_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    return;
  }
  // With more threads than CPUs the one we wait for may need ours: yield after about 100 us of spinning.
  for (int spins = 0; phase_.load(std::memory_order_acquire) == phase;) {
    if (spins == 4096) {
      sched_yield();
    } else {
      spins++;
      relax();
    }
  }
}

int allowedCpus(int* cpus, int limit) {
  int count = 0;
#if defined(__linux__)
  // A mask larger than cpu_set_t is needed beyond 1024 CPUs; those machines get the first 1024.
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE && count < limit; cpu++)
      if (CPU_ISSET(cpu, &set)) cpus[count++] = cpu;
    if (count > 0) return count;
  }
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  for (int cpu = 0; cpu < online && count < limit; cpu++) cpus[count++] = cpu;
  if (count == 0) cpus[count++] = 0;
  return count;
}

int Pool::start(int threads) {
  int cpus[limit];
  const int allowed = allowedCpus(cpus, limit);
  if (threads > limit) threads = limit;
  threads_ = new pthread_t[threads];
  seats_ = new Seat[threads];
  for (int i = 0; i < threads; i++) {
    seats_[i] = {this, i, cpus[i % allowed]};
    if (pthread_create(&threads_[i], nullptr, entry, &seats_[i]) != 0) break;
    size_++;
  }
  pthread_mutex_lock(&mutex_);
  while (ready_ < size_) pthread_cond_wait(&finished_, &mutex_);
  pthread_mutex_unlock(&mutex_);
  return size_;
}

void Pool::stop() {
  pthread_mutex_lock(&mutex_);
  stopping_ = true;
  pthread_cond_broadcast(&begin_);
  pthread_mutex_unlock(&mutex_);
  for (int i = 0; i < size_; i++) pthread_join(threads_[i], nullptr);
  size_ = 0;
  delete[] threads_;
  delete[] seats_;
  threads_ = nullptr;
  seats_ = nullptr;
}

void Pool::run(int active, Job job, void* context) {
  pthread_mutex_lock(&mutex_);
  active_ = active < size_ ? active : size_;
  remaining_ = active_;
  job_ = job;
  context_ = context;
  barrier_.reset(active_);
  epoch_++;
  pthread_cond_broadcast(&begin_);
  while (remaining_ > 0) pthread_cond_wait(&finished_, &mutex_);
  pthread_mutex_unlock(&mutex_);
}

void* Pool::entry(void* argument) {
  Seat* seat = static_cast<Seat*>(argument);
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(seat->cpu, &set);
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0) seat->pool->pinned_++;
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0);  // macOS has no pinning: ask for performance cores
#endif
  seat->pool->loop(seat->thread);
  return nullptr;
}

void Pool::loop(int thread) {
  uint64_t seen = 0;
  pthread_mutex_lock(&mutex_);
  ready_++;
  pthread_cond_broadcast(&finished_);
  for (;;) {
    while (!stopping_ && epoch_ == seen) pthread_cond_wait(&begin_, &mutex_);
    if (stopping_) break;
    seen = epoch_;
    if (thread >= active_) continue;
    const Job job = job_;
    void* const context = context_;
    pthread_mutex_unlock(&mutex_);
    job(context, thread);
    pthread_mutex_lock(&mutex_);
    if (--remaining_ == 0) pthread_cond_broadcast(&finished_);
  }
  pthread_mutex_unlock(&mutex_);
}

}  // namespace rp
