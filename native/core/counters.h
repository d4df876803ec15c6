// A thread's own hardware counters, where the system lets a process read them (Linux perf_event_open(2)).
#pragma once
#include <stdint.h>

namespace rp {

// What is counted, by type and config of perf_event_attr.
struct CounterEvent {
  uint32_t type;
  uint64_t config;
};
constexpr int counterEvents = 3;
// Instructions, core cycles, misses of the last-level cache; in user space alone.
extern const CounterEvent hardwareEvents[counterEvents];

class Counters {
 public:
  Counters() = default;
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;
  ~Counters() { close(); }
  // Counts on the calling thread from start() to stop(); false where the system refuses, with errno saying why.
  bool open(const CounterEvent* events = hardwareEvents);
  void start();
  void stop();
  // Counts since open(), scaled up where the events had to share the counters; false where they never ran.
  bool read(double* values) const;
  void close();

 private:
  int files_[counterEvents] = {-1, -1, -1};
};

}  // namespace rp
