#include "session.h"

#include <errno.h>
#include <string.h>

#include <utility>

#include "turn.h"

namespace rp {

namespace {

constexpr size_t page = 4096;

// Seconds below which a repetition says nothing of its place: the first steps of a calibration.
constexpr double shortest = 1e-5;

// At how many parts of its resident memory, `stride` bytes apart, a thread tries a probe that stays in a cache.
size_t partsOf(size_t residentBytes, size_t stride) {
  constexpr size_t most = 32;
  const size_t room = residentBytes / stride;
  return room < 1 ? 1 : room < most ? room : most;
}

// Tells what a thread runs at a place from all else that it runs (FNV-1a, over words).
uint64_t keyOf(const Spec& spec) {
  uint64_t key = 0xcbf29ce484222325ull;
  const auto add = [&](uint64_t word) { key = (key ^ word) * 0x100000001b3ull; };
  add(reinterpret_cast<uintptr_t>(spec.compute));
  add(reinterpret_cast<uintptr_t>(spec.memory));
  add(spec.bytes);
  add(uint64_t(spec.memory ? spec.threads : 1));  // threads may share the cache
  return key;
}

}  // namespace

struct Session::Run {
  Session* session;
  const Spec* spec;
  std::vector<double> from, to, clock;  // [repetition * threads + thread]
  std::atomic<bool> stop{false};
  int done = 0;
  Cycle* cycle = nullptr;
  bool isWarm = false;
  std::vector<Counters> counters;  // one per thread; empty where not asked for
  std::atomic<int> counterProblem{0};
};

Session::~Session() {
  pool_.stop();
  for (std::vector<Region>* list : {&regions_, &scratch_})
    for (Region& region : *list) release(region);
  release(arena_);
  for (Cycle& each : cycles_) release(each.region);
  release(passing_.region);
}

void Session::touchThread(void* context, int thread) {
  Session* self = static_cast<Session*>(context);
  Region& region = self->regions_[thread];
  touchStack();
  constexpr size_t step = size_t(1) << 20;  // a millisecond where pages are slow to come: Ctrl-C waits for no more
  const Touch& touch = self->touch_;
  const size_t resident = self->resident_[thread];
  size_t& at = self->touched_[thread];
  while (at < region.bytes && !self->cancelled_.load()) {
    const double limit = at >= resident + touch.enough ? touch.seconds : 2 * touch.seconds;
    if (at >= resident + touch.least && now() - self->touchFrom_ > limit) break;
    const size_t to = at + step < region.bytes ? at + step : region.bytes;
    fill(region, at, to);
    at = to;
  }
}

bool Session::open(const std::vector<size_t>& bytesPerThread, const std::vector<size_t>& residentPerThread,
                   const char** problem, Touch touch) {
  const std::lock_guard<std::mutex> alone(turn_);
  const int wanted = int(bytesPerThread.size());
  const int granted = pool_.start(wanted);
  if (granted == 0) {
    *problem = "the system refuses to start a thread";
    return false;
  }
  for (int i = 0; i < granted; i++) {
    regions_.push_back(reserve(bytesPerThread[i]));
    if (!regions_.back().data) {
      *problem = "the system refuses the memory for the measurement";
      return false;
    }
  }
  resident_.assign(residentPerThread.begin(), residentPerThread.begin() + granted);
  positions_ = resident_;
  places_.resize(granted);
  drawn_.assign(granted, 0);
  touched_.assign(granted, 0);
  touch_ = touch;
  touchFrom_ = now();
  pool_.run(granted, touchThread, this);
  if (cancelled_.load()) {
    *problem = "cancelled";
    return false;
  }
  info_.threads = granted;
  info_.pinned = pool_.pinned();
  info_.touched = touched_;
  for (const size_t bytes : touched_) info_.bytes += bytes;
  for (const Region& region : regions_) info_.hugeBytes += hugeBytes(region);
  return true;
}

void Session::fillThread(void* context, int thread) {
  Session* self = static_cast<Session*>(context);
  const size_t threads = size_t(self->info_.threads);
  for (size_t b = 0; b < self->tensors_.size(); b++) {
    const Tensor& tensor = self->tensors_[b];
    char* const data = self->buffer(int(b));
    const size_t size = tensor.fill == Tensor::Fill::f32 ? 4 : tensor.fill == Tensor::Fill::f64 ? 8 : 1;
    const size_t count = tensor.bytes / size;
    const size_t from = count * size_t(thread) / threads, to = count * (size_t(thread) + 1) / threads;
    if (!tensor.data.empty()) {
      memcpy(data + from * size, tensor.data.data() + from * size, (to - from) * size);
      continue;
    }
    for (size_t i = from; i < to; i++) {
      // 24 bits of a golden-ratio sequence: evenly spread, the same in every run
      const uint32_t bits = uint32_t((uint64_t(i + 1 + b * 7919) * 0x9e3779b97f4a7c15ull) >> 40);
      if (size == 4) reinterpret_cast<float*>(data)[i] = float(bits) * 0x1p-23f - 1.0f;
      else if (size == 8) reinterpret_cast<double*>(data)[i] = double(bits) * 0x1p-23 - 1.0;
      else data[i] = char(bits >> 16);
    }
  }
}

// What the tensors' pages may grow to in one place. Addresses, which cost nothing; where they are limited (ulimit -v), what is needed will do.
constexpr size_t roomy = size_t(4) << 30;

bool Session::allocate(std::vector<Tensor> tensors) {
  const std::lock_guard<std::mutex> alone(turn_);
  tensors_ = std::move(tensors);
  warm_ = {};  // filling them empties the caches
  std::vector<size_t> ends;
  size_t whole = 0;
  for (const Tensor& tensor : tensors_) ends.push_back(whole += wholePages(tensor.bytes + staggers * staggerBytes));
  // Pages of the tensors before are taken again, for the system clears fresh ones, and the host of a guest has to find them first: the 44 GB
  // of all kernels' tensors took 18 s on an Emerald Rapids guest, one behind the other in the same pages 10 s. Not where memory has nodes, to which a page belongs by its first touch.
  if (arena_.bytes < whole || severalNodes()) {
    release(arena_);
    arena_ = reserve(whole > roomy ? whole : roomy);
    if (!arena_.data) arena_ = reserve(whole);
  }
  buffers_.clear();
  if (!arena_.data && whole > 0) return false;
  while (int(scratch_.size()) < info_.threads) {
    const Region region = reserve(scratchFloats * 4);
    if (!region.data) return false;
    scratch_.push_back(region);
  }
  // none until here: where memory is refused, nothing has a buffer
  for (size_t b = 0; b < ends.size(); b++) buffers_.push_back(arena_.data + (b > 0 ? ends[b - 1] : 0));
  pool_.run(info_.threads, fillThread, this);
  for (Tensor& tensor : tensors_) std::vector<char>().swap(tensor.data);
  return true;
}

// The cycle of that size, built where it is not there; null where memory is refused or after cancel().
Session::Cycle* Session::cycle(size_t bytes, bool keep) {
  if (keep)
    for (Cycle& each : cycles_)
      if (each.bytes == bytes) return &each;
  Region region = reserve(bytes);
  if (!region.data || !linkLines(region, bytes, cancelled_)) {
    release(region);
    return nullptr;
  }
  if (keep) {
    cycles_.push_back({bytes, region, region.data});
    return &cycles_.back();
  }
  release(passing_.region);
  passing_ = {bytes, region, region.data};
  return &passing_;
}

bool Session::hasBuffers(const Spec& spec) const {
  for (const Stage& stage : spec.stages)
    for (const std::vector<int>* list : {&stage.in, &stage.out})
      for (const int index : *list)
        if (size_t(index) >= buffers_.size()) return false;
  return true;
}

void Session::runStages(const Spec& spec, int thread) {
  // One operator's threads write parts of their own: nothing of one call waits for another's, and a meeting (62 ns within an L3, 320 between
  // two) would be a tenth of what a call of a few microseconds takes, where the ceilings beside it meet once a repetition.
  const bool meet = spec.meets || spec.stages.size() > 1 || spec.stages[0].user;
  for (size_t s = 0; s < spec.stages.size(); s++) {
    const Stage& stage = spec.stages[s];
    const void* in[maxTensors];
    void* out[maxTensors];
    for (size_t i = 0; i < stage.in.size(); i++) in[i] = buffer(stage.in[i]);
    for (size_t i = 0; i < stage.out.size(); i++) out[i] = buffer(stage.out[i]);
    if (stage.user) stage.user->run(stage.dims.data(), out, thread, spec.threads);
    else stage.op->run({stage.dims.data(), in, out, reinterpret_cast<float*>(scratch_[thread].data), thread, spec.threads});
    if (meet) pool_.barrier().wait();
  }
}

double Session::workOf(const Spec& spec) const {
  const double turns = double(spec.passes);
  switch (spec.probe) {
    case Probe::compute: {
      const ComputeProbe& probe = *spec.compute;
      return probe.opsPerPass * probe.lanes * probe.perLane * turns * spec.threads;
    }
    case Probe::memory: return double(spec.memory->payload(spec.bytes / 64)) * turns * spec.threads;
    case Probe::issue: return issuedPerPass * turns * spec.threads;
    case Probe::rows: return gatherPayload(spec.asking) * turns * spec.threads;
    default: return turns;
  }
}

// What of a thread's table was touched, with what is written behind it: pages that nobody wrote are one page of zeros, which every cache holds.
size_t Session::tableBytes(const Spec& spec, int thread) const {
  const size_t room = touched_[thread] - resident_[thread];
  const size_t most = room > writtenBytes ? room - writtenBytes : 0;
  return spec.bytes < most ? spec.bytes : most;
}

void Session::runThread(void* context, int thread) {
  Run& run = *static_cast<Run*>(context);
  Session& self = *run.session;
  const Spec& spec = *run.spec;
  const Region& region = self.regions_[thread];
  Barrier& barrier = self.pool_.barrier();
  size_t& position = self.positions_[thread];
  const bool roam = spec.roam && spec.probe == Probe::memory;
  // Compute probes run at many depths of the stack, those that stay in a cache at many parts of the memory: places.h.
  const bool deep = spec.probe == Probe::compute;
  const bool resident = spec.probe == Probe::memory && !roam && spec.bytes > 0;
  Places& places = self.places_[thread];
  const uint64_t key = keyOf(spec);
  const size_t stride = (spec.bytes + page - 1) / page * page;
  const size_t parts = resident ? partsOf(self.resident_[thread], stride) : 1;
  size_t warm = parts;  // none yet
  Counters* const counters = run.counters.empty() ? nullptr : &run.counters[thread];
  if (counters && !counters->open()) run.counterProblem.store(errno);
  // Warm caches, predictors and the clock licence of wide instructions; a roaming read must find nothing warm.
  if (spec.probe == Probe::program) self.runStages(spec, thread);
  else if (run.cycle && spec.warm) {
    for (int round = 0; round < 2; round++)
      for (size_t i = 0; i < run.cycle->bytes && !(i % (size_t(1) << 20) == 0 && self.cancelled_.load()); i += 64)
        sinkWord = *reinterpret_cast<const volatile uint64_t*>(run.cycle->region.data + i);
  } else if (run.cycle) run.cycle->at = follow(run.cycle->at, spec.passes / 8 + 1);
  else if (spec.probe == Probe::rows) {
    // As many draws as the table has bytes: what a read in order leaves in a shared cache is not what draws leave. Emerald Rapids, rows of 512 B with
    // stores, the first 8 ms after a gather from another table and the third, best of 20: read in order and a quarter drawn (39 ms) 18.6 and 18.8 GB/s,
    // half of it drawn alone 18.4 and 18.7, all of it (30 ms) 19.2 and 19.2, one and a half times 19.3 and 19.2, nothing 16.2 and 18.4. Lines alone are
    // drawn at half the rate.
    const size_t bytes = self.tableBytes(spec, thread), row = spec.row < 512 ? 512 : spec.row;
    for (uint64_t i = 0; !run.isWarm && bytes >= row && i * gatherBytes < bytes && !self.cancelled_.load(); i++)
      sinkWord = gather(region.data + self.resident_[thread], bytes, row, spec.asking, self.drawn_[thread], 1);
  }
  else if (!roam && !resident) turn(spec, region.data, spec.bytes, spec.passes / 8 + 1);
  for (int r = 0; r < spec.repetitions; r++) {
    const size_t place = resident ? places.next(key, parts, 2 * parts) : deep ? places.next(key, Places::lines, SIZE_MAX) : 0;
    if (resident && place != warm) {
      warm = place;
      turn(spec, region.data + place * stride, spec.bytes, spec.passes / 8 + 1);
    }
    if (thread == 0) run.stop.store(self.cancelled_.load());
    barrier.wait();
    if (run.stop.load()) return;
    char* data = region.data + (resident ? place * stride : 0);
    const size_t slot = size_t(r) * spec.threads + thread;
    const size_t depth = deep ? place * Places::line : 0;
    run.from[slot] = now();
    if (spec.probe == Probe::forkJoin) {
      for (uint64_t i = 0; i < spec.passes; i++) {
        barrier.wait();
        barrier.wait();
      }
    } else if (spec.probe == Probe::program) {
      if (counters) counters->start();
      for (uint64_t i = 0; i < spec.passes; i++) self.runStages(spec, thread);
      if (counters) counters->stop();
    } else if (run.cycle) {
      // each repetition goes on from where the last ended: a long cycle must not be known from the last one
      run.cycle->at = follow(run.cycle->at, spec.passes);
    } else if (spec.probe == Probe::rows) {
      // where nothing was touched there is no table, and no time
      const size_t bytes = self.tableBytes(spec, thread);
      if (bytes >= spec.row) sinkWord = gather(region.data + self.resident_[thread], bytes, spec.row, spec.asking, self.drawn_[thread], spec.passes);
    } else if (deep) {
      callAt(depth, [&] { turn(spec, data, spec.bytes, spec.passes); });
    } else if (roam) {
      // every pass goes on where the last ended, and the threads do not meet in between: no more than a kernel's do
      for (uint64_t i = 0; i < spec.passes; i++) {
        if (position + spec.bytes > self.touched_[thread]) position = self.resident_[thread];
        turn(spec, region.data + position, spec.bytes, 1);
        position += spec.bytes;
      }
    } else {
      turn(spec, data, spec.bytes, spec.passes);
    }
    run.to[slot] = now();
    const double took = run.to[slot] - run.from[slot];
    if ((resident || deep) && took > shortest) places.tell(key, place, took / double(spec.passes));
    if (spec.clock) run.clock[slot] = clockOf(spec, data, spec.bytes, took);
    if (thread == 0) run.done = r + 1;
    barrier.wait();
  }
}

bool Session::take(const Spec& spec, Sample& sample) {
  const std::lock_guard<std::mutex> alone(turn_);
  sample.work = workOf(spec);
  if (spec.probe == Probe::wake) {
    // From the caller's view: waking sleeping threads, an empty job, and joining them.
    for (int r = 0; r < spec.repetitions; r++) {
      if (cancelled_.load()) return false;
      const double from = now();
      for (uint64_t i = 0; i < spec.passes; i++) pool_.run(spec.threads, [](void*, int) {}, nullptr);
      sample.seconds.push_back(now() - from);
    }
    return true;
  }
  Run run;
  run.session = this;
  run.spec = &spec;
  if (spec.probe == Probe::chase) {
    run.cycle = cycle(spec.bytes, !spec.roam);
    if (!run.cycle) return !cancelled_.load();  // refused memory: a sample without repetitions
  }
  if (!hasBuffers(spec)) return true;  // the same
  // A gather that goes on finds in a cache what that holds of its table: so must this one, after a probe of something else.
  const Table table = spec.probe == Probe::rows ? Table{spec.bytes, spec.threads} : Table{};
  run.isWarm = warm_.bytes == table.bytes && warm_.threads == table.threads;
  warm_ = table;
  const size_t slots = size_t(spec.repetitions) * spec.threads;
  run.from.assign(slots, 0);
  run.to.assign(slots, 0);
  run.clock.assign(slots, 0);
  if (spec.counters) {
    // what cannot be counted need not run
    if (Counters trial; !trial.open()) {
      sample.counterProblem = errno;
      return true;
    }
    run.counters = std::vector<Counters>(spec.threads);
  }
  pool_.run(spec.threads, runThread, &run);
  sample.counterProblem = run.counterProblem.load();
  if (sample.counterProblem == 0)
    for (const Counters& counters : run.counters) {
      double values[counterEvents];
      if (!counters.read(values)) continue;
      sample.counters.resize(counterEvents);
      for (int i = 0; i < counterEvents; i++) sample.counters[i] += values[i];
    }
  for (int r = 0; r < run.done; r++) {
    double first = run.from[size_t(r) * spec.threads], last = 0, hertz = 0, slowest = run.clock[size_t(r) * spec.threads];
    for (int t = 0; t < spec.threads; t++) {
      const size_t slot = size_t(r) * spec.threads + t;
      if (run.from[slot] < first) first = run.from[slot];
      if (run.to[slot] > last) last = run.to[slot];
      hertz += run.clock[slot] / spec.threads;
      if (run.clock[slot] < slowest) slowest = run.clock[slot];
    }
    sample.seconds.push_back(last - first);
    if (spec.clock) sample.clockHz.push_back(spec.probe == Probe::issue ? slowest : hertz);
  }
  return run.done == spec.repetitions;
}

}  // namespace rp
