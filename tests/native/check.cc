// Checks the core and every variant without Node, so that it also runs cross-compiled under an emulator: tests/native/cross.sh.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vector>

#include "../../native/core/session.h"
#include "../../native/core/variants.h"

namespace {

int failures = 0;

void expect(bool holds, const char* isa, const char* what, double detail) {
  if (holds) return;
  failures++;
  printf("FAIL %s: %s (%g)\n", isa, what, detail);
}

float value(size_t i, int seed) {
  const uint32_t bits = uint32_t((uint64_t(i + 1 + seed * 7919) * 0x9e3779b97f4a7c15ull) >> 40);
  return float(bits) * 0x1p-23f - 1.0f;
}

std::vector<float> tensor(size_t elements, int seed) {
  std::vector<float> t(elements);
  for (size_t i = 0; i < elements; i++) t[i] = value(i, seed);
  return t;
}

void run(const rp::Variant& v, const char* id, std::vector<int64_t> dims, std::vector<const void*> in, std::vector<void*> out) {
  const rp::OpKernel* op = rp::findOp(v, id);
  expect(op != nullptr, v.isa, id, 0);
  if (!op) return;
  std::vector<float> scratch(rp::scratchFloats);
  for (int thread = 0; thread < 3; thread++) op->run({dims.data(), in.data(), out.data(), scratch.data(), thread, 3});
}

void checkRead(const rp::Variant& v) {
  std::vector<uint64_t> words(8 * 300);
  for (size_t i = 0; i < words.size(); i++) words[i] = (i + 1) * 0x9e3779b97f4a7c15ull;
  rp::Region region = rp::reserve(words.size() * 8);
  memcpy(region.data, words.data(), words.size() * 8);
  for (const size_t lines : {0, 1, 15, 16, 17, 31, 32, 33, 128, 300}) {
    uint64_t wanted = 0;
    for (size_t i = 0; i < lines * 8; i++) wanted ^= words[i];
    for (const char* id : {"read", "read-8x2", "read-4x2", "read-2x2"})
      expect(rp::findMemory(v, id)->run(region.data, lines, 1) == wanted, v.isa, id, double(lines));
  }
  rp::release(region);
}

// Every probe that stores: what it changed must be what its payload says, and nothing behind the lines it was given.
void checkMixes(const rp::Variant& v) {
  for (int i = 0; i < v.memoryCount; i++) {
    const rp::MemoryProbe& probe = v.memory[i];
    const bool reads = strncmp(probe.id, "read", 4) == 0;
    for (const size_t lines : {0, 1, 17, 47, 64, 300, 1024}) {
      rp::Region region = rp::reserve((lines + 1) * 64);
      rp::fill(region, 0, region.bytes);
      std::vector<uint64_t> before(region.bytes / 8);
      memcpy(before.data(), region.data, region.bytes);
      probe.run(region.data, lines, 1);
      size_t stored = 0;
      for (size_t line = 0; line * 64 < region.bytes; line++) {
        const bool changed = memcmp(&before[line * 8], region.data + line * 64, 64) != 0;
        expect(!changed || line < lines, v.isa, probe.id, double(line));
        stored += changed;
      }
      const size_t payload = probe.payload(lines) / 64;
      // stores that go around the caches are the same stores
      const char* mix = strncmp(probe.id, "nt-", 3) == 0 ? probe.id + 3 : probe.id;
      const bool two = strncmp(mix, "copy", 4) == 0 || strncmp(mix, "update", 6) == 0;
      const bool three = strncmp(mix, "2:1", 3) == 0 || strncmp(mix, "triad", 5) == 0;
      // one load to two stores, or to four
      const size_t many = strncmp(mix, "1:2", 3) == 0 ? 2 : strncmp(mix, "1:4", 3) == 0 ? 4 : 0;
      // four loads to one store, or eight
      const size_t loads = strncmp(mix, "4:1", 3) == 0 ? 4 : strncmp(mix, "8:1", 3) == 0 ? 8 : 0;
      const size_t wanted = loads ? payload / (loads + 1) : many ? payload / (1 + many) * many : payload / (two ? 2 : three ? 3 : 1);
      expect(stored == (reads ? 0 : wanted), v.isa, probe.id, double(stored));
      // of a small set the gaps between four runs leave little
      if (lines >= (many || loads ? 1024 : 300)) expect(payload > (two && probe.id[0] == 'u' ? lines : lines / 2), v.isa, "payload", double(payload));
      if (probe.clock) probe.clock(region.data, lines, 1);
      rp::release(region);
    }
  }
}

void checkCompute(const rp::Variant& v) {
  for (int i = 0; i < v.computeCount; i++) {
    const rp::ComputeProbe& probe = v.compute[i];
    if (!rp::canRun(probe)) continue;
    const double work = probe.opsPerPass * probe.lanes * probe.perLane;
    const double start = probe.run(0), once = probe.run(1), thrice = probe.run(3);
    if (strcmp(v.isa, "sse2") == 0 && strncmp(probe.id, "fma", 3) == 0)
      expect(fabs(work / 8 / 512 + (start - work / 8 / 512) / 16 - once) < 1e-4, v.isa, "multiply and add", once);
    else if (probe.growth > 0)
      expect(once - start == work * probe.growth && thrice - start == 3 * work * probe.growth, v.isa, probe.id, once - start);
    else
      expect(once == thrice && once == once, v.isa, probe.id, thrice);
    if (probe.clock) expect(probe.clock(10) >= probe.cyclesPerPass * 10, v.isa, probe.id, probe.cyclesPerPass);
    printf("%s %s%s%s\n", v.isa, probe.engine ? probe.engine : "", probe.engine ? "/" : "", probe.id);
  }
}

void checkFunctions(const rp::Variant& v) {
  const struct {
    const char* id;
    double (*oracle)(double);
  } functions[] = {{"exp", exp}, {"tanh", tanh}, {"erf", erf}};
  std::vector<float> x;
  for (float at = -20; at <= 20; at += 0.001f) x.push_back(at);
  std::vector<float> y(x.size());
  for (const auto& f : functions) {
    run(v, f.id, {int64_t(x.size()), 1}, {x.data()}, {y.data()});
    double worst = 0;
    for (size_t i = 0; i < x.size(); i++) {
      const double wanted = f.oracle(x[i]), error = fabs(wanted - y[i]);
      worst = fmax(worst, f.id[1] == 'r' ? error : error / fmax(fabs(wanted), 1e-30));
    }
    expect(worst < (f.id[1] == 'r' ? 2e-7 : 3e-7), v.isa, f.id, worst);
  }
}

void checkCycles() {
  for (const size_t lines : {1, 2, 3, 64, 1000}) {
    rp::Region region = rp::reserve(lines * 64);
    const std::atomic<bool> stop{false};
    expect(rp::linkLines(region, lines * 64, stop), "any", "links", double(lines));
    const char* at = region.data;
    size_t steps = 0;
    do {
      at = *reinterpret_cast<const char* const*>(at);
      steps++;
    } while (at != region.data && steps <= lines);
    expect(steps == lines, "any", "one cycle through all lines", double(steps));
    rp::release(region);
  }
}

void checkOps(const rp::Variant& v) {
  for (const int n : {1, 5, 12, 33, 70}) {
    const int m = n + 2, k = 2 * n + 1;
    const std::vector<float> a = tensor(m * k, 1), b = tensor(k * n, 2);
    std::vector<float> c(m * n, NAN);
    run(v, "gemm", {m, n, k}, {a.data(), b.data()}, {c.data()});
    double worst = 0;
    for (int i = 0; i < m; i++)
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int p = 0; p < k; p++) sum += double(a[i * k + p]) * b[p * n + j];
        worst = fmax(worst, fabs(sum - c[i * n + j]) + (c[i * n + j] == c[i * n + j] ? 0 : 1));
      }
    expect(worst < 1e-5, v.isa, "gemm", worst);

    // the transposed and batched forms and those of other types are the same loops over other packings
    std::vector<double> wide(a.begin(), a.end()), wideB(b.begin(), b.end()), wideC(m * n);
    run(v, "gemm-f64", {m, n, k}, {wide.data(), wideB.data()}, {wideC.data()});
    std::vector<uint8_t> u(m * k);
    std::vector<int8_t> s(k * n);
    std::vector<int32_t> sums(m * n, -1);
    for (size_t i = 0; i < u.size(); i++) u[i] = uint8_t(i * 167 + 250);
    for (size_t i = 0; i < s.size(); i++) s[i] = int8_t(i * 91 + 127);
    run(v, "gemm-int8", {m, n, k}, {u.data(), s.data()}, {sums.data()});
    double worstWide = 0, worstSum = 0;
    for (int i = 0; i < m; i++)
      for (int j = 0; j < n; j++) {
        double sum = 0;
        int32_t whole = 0;
        for (int p = 0; p < k; p++) {
          sum += wide[i * k + p] * wideB[p * n + j];
          whole += u[i * k + p] * s[p * n + j];
        }
        worstWide = fmax(worstWide, fabs(sum - wideC[i * n + j]));
        worstSum = fmax(worstSum, fabs(double(whole) - sums[i * n + j]));
      }
    expect(worstWide < 1e-13, v.isa, "gemm-f64", worstWide);
    expect(worstSum == 0, v.isa, "gemm-int8", worstSum);

    std::vector<float> y(m * n, NAN);
    run(v, "gelu", {m * n, 1}, {a.data()}, {y.data()});
    worst = 0;
    for (int i = 0; i < m * n; i++) worst = fmax(worst, fabs(0.5 * a[i] * (1 + erf(a[i] * M_SQRT1_2)) - y[i]));
    expect(worst < 1e-6, v.isa, "gelu", worst);

    run(v, "softmax", {m, n}, {a.data()}, {y.data()});
    worst = 0;
    for (int i = 0; i < m; i++) {
      double sum = 0;
      for (int j = 0; j < n; j++) sum += exp(double(a[i * n + j]));
      for (int j = 0; j < n; j++) worst = fmax(worst, fabs(exp(double(a[i * n + j])) / sum - y[i * n + j]));
    }
    expect(worst < 1e-6, v.isa, "softmax", worst);
  }

  // Fused attention against its own three parts: they share nothing but the matrix product.
  const int64_t seq = 261, heads = 3, dim = 20, elements = seq * heads * dim;
  const std::vector<float> q = tensor(elements, 3), k = tensor(elements, 4), w = tensor(elements, 5);
  std::vector<float> scores(heads * seq * seq), weights(heads * seq * seq), chain(elements), fused(elements);
  const std::vector<int64_t> dims{1, seq, heads, heads, dim, 1};
  run(v, "attention-scores", dims, {q.data(), k.data()}, {scores.data()});
  run(v, "softmax", {heads * seq, seq}, {scores.data()}, {weights.data()});
  run(v, "attention-values", dims, {weights.data(), w.data()}, {chain.data()});
  run(v, "attention", dims, {q.data(), k.data(), w.data()}, {fused.data()});
  double worst = 0;
  for (int64_t i = 0; i < elements; i++) worst = fmax(worst, fabs(double(chain[i]) - fused[i]));
  expect(worst < 1e-5, v.isa, "attention", worst);
}

// Two kernels that must agree, in tensors of exactly their sizes: what a sanitizer sees of attention, convolution and sparse products.
void expectSame(const rp::Variant& v, const char* id, const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); i++) worst = fmax(worst, fabs(double(a[i]) - b[i]) / fmax(1.0, fabs(double(b[i]))));
  expect(worst < 1e-5, v.isa, id, worst);
}
std::vector<float> some(int64_t count, int seed) {
  std::vector<float> x(static_cast<size_t>(count));
  for (size_t i = 0; i < x.size(); i++) x[i] = float((i * 37 + size_t(seed)) % 101) / 50 - 1;
  return x;
}
void checkFamilies(const rp::Variant& v) {
  for (const int64_t seq : {1, 3, 40, 131}) {
    const std::vector<int64_t> dims = {2, seq, 4, 2, 21, 1};
    const auto q = some(2 * seq * 4 * 21, 1), k = some(2 * seq * 2 * 21, 2), values = some(2 * seq * 2 * 21, 3);
    std::vector<float> fused(q.size()), apart(q.size()), scores(size_t(2 * 4 * seq * seq)), weights(scores.size());
    run(v, "attention", dims, {q.data(), k.data(), values.data()}, {fused.data()});
    run(v, "attention-scores", dims, {q.data(), k.data()}, {scores.data()});
    run(v, "softmax", {2 * 4 * seq, seq}, {scores.data()}, {weights.data()});
    run(v, "attention-values", dims, {weights.data(), values.data()}, {apart.data()});
    expectSame(v, "attention", fused, apart);
  }
  // batch, channels, filters, groups, height, width, kernel, stride, dilation, pad, bias
  const std::vector<std::vector<int64_t>> shapes = {
      {2, 30, 70, 1, 7, 9, 3, 1, 1, 2, 0}, {1, 4, 12, 2, 17, 33, 3, 2, 2, 3, 0}, {3, 6, 6, 6, 5, 37, 3, 1, 1, 2, 0}, {1, 3, 5, 1, 1, 1, 1, 1, 1, 0, 0}};
  for (const auto& d : shapes) {
    const int64_t span = d[8] * (d[6] - 1) + 1, high = (d[4] + d[9] - span) / d[7] + 1, wide = (d[5] + d[9] - span) / d[7] + 1;
    const auto x = some(d[0] * d[1] * d[4] * d[5], 4), w = some(d[2] * d[1] / d[3] * d[6] * d[6], 5), one = some(d[2], 6);
    std::vector<float> product(size_t(d[0] * d[2] * high * wide)), direct(product.size());
    run(v, "conv", d, {x.data(), w.data()}, {product.data()});
    run(v, "conv-direct", d, {x.data(), w.data()}, {direct.data()});
    expectSame(v, "conv", product, direct);
    run(v, "conv+batchnorm+relu", d, {x.data(), w.data(), one.data(), one.data()}, {direct.data()});
    run(v, "batchnorm", {d[0], d[2], high * wide}, {product.data(), one.data(), one.data()}, {product.data()});
    for (float& y : product) y = y > 0 ? y : 0;
    expectSame(v, "conv+batchnorm+relu", direct, product);
  }
  const std::vector<int32_t> columns = {2, 0, 1, 2, 2}, starts = {0, 1, 1, 5};
  const auto x = some(3 * 37, 7), ones = std::vector<float>(5, 1.0f);
  std::vector<float> plain(x.size()), weighted(x.size());
  run(v, "spmm", {3, 5, 37, 1}, {x.data(), columns.data(), starts.data()}, {plain.data()});
  run(v, "spmm-weighted", {3, 5, 37, 1}, {x.data(), columns.data(), starts.data(), ones.data()}, {weighted.data()});
  expectSame(v, "spmm", plain, weighted);
  for (const int64_t batch : {1, 14}) {
    const auto h = some(batch * 35, 8), w = some(9 * 4 * 35, 9), u = some(35 * 4 * 35, 10), bias = some(4 * 35, 11), in = some(batch * 9, 12);
    std::vector<float> next(h.size()), cell(h.size());
    run(v, "lstm", {batch, 9, 35}, {in.data(), w.data(), u.data(), bias.data(), h.data(), h.data()}, {next.data(), cell.data()});
    for (const float y : next) expect(fabs(y) <= 1, v.isa, "lstm", y);
  }
}

void checkSession(const rp::Variant& v) {
  rp::Session session;
  const char* problem = "";
  expect(session.open({1 << 21, 1 << 21}, {1 << 16, 0}, &problem), v.isa, problem, 0);
  rp::Spec spec;
  spec.variant = &v;
  spec.threads = 2;
  spec.repetitions = 3;
  for (const char* id : {"fma-f32", "read", "read-8x2", "update", "chase", "fork-join", "wake"}) {
    spec.compute = rp::findCompute(v, id);
    spec.memory = rp::findMemory(v, id);
    spec.probe = spec.compute              ? rp::Probe::compute
                 : spec.memory             ? rp::Probe::memory
                 : strcmp(id, "chase") == 0 ? rp::Probe::chase
                 : strcmp(id, "wake") == 0  ? rp::Probe::wake
                                            : rp::Probe::forkJoin;
    spec.threads = spec.probe == rp::Probe::chase ? 1 : 2;
    spec.bytes = 1 << 15;
    spec.clock = spec.compute != nullptr;
    rp::Sample sample;
    expect(session.take(spec, sample) && sample.seconds.size() == 3 && sample.work > 0, v.isa, id, sample.work);
  }
  session.cancel();
  rp::Sample sample;
  expect(!session.take(spec, sample), v.isa, "cancel", 0);
}

}  // namespace

int main() {
  const rp::Variants& all = rp::variants();
  checkCycles();
  for (int i = 0; i < all.runnable; i++) {
    const rp::Variant& v = *all.list[i];
    checkRead(v);
    checkMixes(v);
    checkCompute(v);
    checkFunctions(v);
    checkOps(v);
    checkFamilies(v);
    checkSession(v);
    printf("%s checked, vectors of %d B\n", v.isa, v.vectorBytes);
  }
  printf("%d failures\n", failures);
  return failures > 0 || all.count == 0;
}
