// Whether the threads of a program meet after a call, as the calls themselves see it: tests/native/meeting.test.ts.
//
// One thread stays in a call until the other has begun its next one. Where they do not meet, that comes for certain; where they do, it never
// does, and the thread gives up after a while. So nothing fails because a machine is slow: only a missing meeting could be overlooked, where
// the other thread has no turn on a CPU for all of that while.
#include <sched.h>
#include <stdio.h>

#include <atomic>

#include "../../native/core/clock.h"
#include "../../native/core/session.h"

namespace {

std::atomic<int> begun[2];       // calls of each thread
std::atomic<bool> overtaken;     // the other thread began a call while this one was in the one before
int held;                        // number of the call that the second thread stays in
constexpr double patience = 20;  // seconds that a call is stayed in where the threads should not meet
constexpr double glance = 0.3;   // and where they should
double wait;

void call(int thread) {
  const int number = begun[thread].fetch_add(1);
  if (thread != 1 || number != held) return;
  const double from = rp::now();
  while (begun[0].load() < held + 2 && rp::now() - from < wait) sched_yield();
  if (begun[0].load() >= held + 2) overtaken.store(true);
}

const rp::OpKernel op = {"call", [](const rp::OpArgs& args) { call(args.thread); }, 0, 0, 0};

rp::Stage ours() {
  rp::Stage stage;
  stage.op = &op;
  return stage;
}

// Warming up calls each stage once, then two passes; the call to stay in is the given one of the first of them.
void check(rp::Session& session, const char* what, std::vector<rp::Stage> stages, bool meets, int stay, bool wanted) {
  held = int(stages.size()) + stay;
  wait = wanted ? glance : patience;
  begun[0] = begun[1] = 0;
  overtaken = false;
  rp::Spec spec;
  spec.probe = rp::Probe::program;
  spec.threads = 2;
  spec.passes = 2;
  spec.stages = std::move(stages);
  spec.meets = meets;
  rp::Sample sample;
  const bool taken = session.take(spec, sample);
  const int calls = 3 * int(spec.stages.size());
  const bool all = taken && begun[0] == calls && begun[1] == calls;
  printf("%s: %s\n", what, !all ? "not all calls were made" : overtaken ? "did not meet" : "met");
}

}  // namespace

int main() {
  rp::Session session;
  const char* problem = "";
  if (!session.open({4096, 4096}, {0, 0}, &problem) || session.info().threads != 2 || !session.allocate({})) {
    printf("no session of two threads: %s\n", problem);
    return 1;
  }
  ridgepoint_kernel kernel = {};
  kernel.run = [](const int64_t*, void* const*, int thread, int) { call(thread); };
  rp::Stage loaded;
  loaded.user = &kernel;
  check(session, "one operator", {ours()}, false, 0, false);
  check(session, "one operator beside a chain", {ours()}, true, 0, true);
  check(session, "two operators, between them", {ours(), ours()}, false, 0, true);
  check(session, "two operators, before the next pass", {ours(), ours()}, false, 1, true);
  check(session, "a loaded kernel", {loaded}, false, 0, true);
  return 0;
}
