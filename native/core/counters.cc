#include "counters.h"

#include <errno.h>

#if defined(__linux__)
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace rp {

#if defined(__linux__)
const CounterEvent hardwareEvents[counterEvents] = {{PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
                                                    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
                                                    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES}};

bool Counters::open(const CounterEvent* events) {
  close();
  for (int i = 0; i < counterEvents; i++) {
    perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = events[i].type;
    attributes.config = events[i].config;
    attributes.disabled = i == 0;  // the group follows its leader
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    files_[i] = int(syscall(SYS_perf_event_open, &attributes, 0, -1, files_[0], 0));
    if (files_[i] < 0) {
      const int reason = errno;
      close();
      errno = reason;
      return false;
    }
  }
  return true;
}

void Counters::start() {
  if (files_[0] >= 0) ioctl(files_[0], PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

void Counters::stop() {
  if (files_[0] >= 0) ioctl(files_[0], PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
}

bool Counters::read(double* values) const {
  struct {
    uint64_t count, enabled, running, values[counterEvents];
  } group;
  if (files_[0] < 0 || ::read(files_[0], &group, sizeof group) != ssize_t(sizeof group)) return false;
  if (group.running == 0) return false;
  const double share = double(group.enabled) / double(group.running);
  for (int i = 0; i < counterEvents; i++) values[i] = double(group.values[i]) * share;
  return true;
}

void Counters::close() {
  for (int i = counterEvents - 1; i >= 0; i--) {
    if (files_[i] >= 0) ::close(files_[i]);
    files_[i] = -1;
  }
}

#else
const CounterEvent hardwareEvents[counterEvents] = {};

bool Counters::open(const CounterEvent*) {
  errno = ENOSYS;
  return false;
}
void Counters::start() {}
void Counters::stop() {}
bool Counters::read(double*) const { return false; }
void Counters::close() {}
#endif

}  // namespace rp
