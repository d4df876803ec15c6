// One turn of a probe on a thread's memory, part of session.cc, and the core clock under the same instructions.
#pragma once
#include "clock.h"
#include "issue.h"
#include "session.h"

namespace rp {

namespace {

volatile uint64_t sinkWord;
volatile double sinkValue;

// One turn of a kernel on this thread's memory. The results go to a volatile so that no call can be dropped.
void turn(const Spec& spec, char* data, size_t bytes, uint64_t passes) {
  switch (spec.probe) {
    case Probe::compute: sinkValue = spec.compute->run(passes); break;
    case Probe::memory: sinkWord = spec.memory->run(data, bytes / 64, passes); break;
    case Probe::call:
      for (uint64_t i = 0; i < passes; i++) sinkWord = spec.variant->memory[0].run(data, 0, 1);
      break;
    case Probe::issue: issue(passes); break;
    default: break;
  }
}

const char* follow(const char* at, uint64_t steps) {
  for (uint64_t i = 0; i < steps; i++) at = *reinterpret_cast<const char* const volatile*>(at);
  return at;
}

// Core cycles per second while the clock twin of the probe runs, for about a fifth of the `seconds` that the probe took; 0 without twin.
double clockOf(const Spec& spec, char* data, size_t bytes, double seconds) {
  constexpr double guess = 3e9;  // cycles per second: decides how long the twin runs, not what it says
  const double wanted = seconds * guess / 5;
  double cycles = 0;
  const double from = now();
  if (spec.probe == Probe::compute && spec.compute->clock) {
    const uint64_t turns = uint64_t(wanted / spec.compute->cyclesPerPass) + 1;
    sinkValue = spec.compute->clock(turns);
    cycles = spec.compute->cyclesPerPass * double(turns);
  } else if (spec.probe == Probe::memory && spec.memory->clock) {
    const double each = spec.memory->cyclesPerByte * double(spec.memory->payload(bytes / 64));
    if (!(each > 0)) return 0;
    const uint64_t turns = uint64_t(wanted / each) + 1;
    sinkWord = spec.memory->clock(data, bytes / 64, turns);
    cycles = each * double(turns);
  } else if (spec.probe == Probe::issue) {
    const uint64_t turns = uint64_t(wanted / ticksPerPass) + 1;
    tick(turns);
    cycles = ticksPerPass * double(turns);
  }
  const double took = now() - from;
  return took > 0 ? cycles / took : 0;
}

}  // namespace

}  // namespace rp
