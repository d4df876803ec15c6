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

void run(const rp::Variant& v, const char* id, std::vector<int64_t> dims, std::vector<const float*> in, std::vector<float*> out) {
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
    expect(v.read.run(region.data, lines, 1) == wanted, v.isa, "read", double(lines));
    expect(v.readStreams.run(region.data, lines, 1) == wanted, v.isa, "read streams", double(lines));
  }
  rp::release(region);
}

void checkFma(const rp::Variant& v) {
  for (const rp::ComputeProbe* probe : {&v.fmaF32, &v.fmaF64}) {
    const double start = probe->run(0);
    const double lanes = probe->flopsPerPass / 8;  // of all chains: 4 FMAs of 2 FLOP each per pass
    if (strcmp(v.isa, "sse2") == 0)
      expect(fabs(lanes / 512 + (start - lanes / 512) / 16 - probe->run(1)) < 1e-4, v.isa, "multiply and add", probe->run(1));
    else
      expect((probe->run(100) - start) * 4096 == probe->flopsPerPass * 100, v.isa, "fma", probe->run(100));
    expect(probe->clock(10) >= probe->cyclesPerPass * 10, v.isa, "clock", probe->cyclesPerPass);
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

void checkSession(const rp::Variant& v) {
  rp::Session session;
  const char* problem = "";
  expect(session.open({1 << 21, 1 << 21}, {1 << 16, 0}, &problem), v.isa, problem, 0);
  rp::Spec spec;
  spec.variant = &v;
  spec.threads = 2;
  spec.repetitions = 3;
  for (const rp::Probe probe : {rp::Probe::fmaF32, rp::Probe::read, rp::Probe::readStreams, rp::Probe::forkJoin, rp::Probe::wake}) {
    spec.probe = probe;
    spec.bytes = 1 << 15;
    spec.clock = probe == rp::Probe::fmaF32;
    rp::Sample sample;
    expect(session.take(spec, sample) && sample.seconds.size() == 3 && sample.work > 0, v.isa, "sample", double(probe));
  }
  session.cancel();
  rp::Sample sample;
  expect(!session.take(spec, sample), v.isa, "cancel", 0);
}

}  // namespace

int main() {
  const rp::Variants& all = rp::variants();
  for (int i = 0; i < all.runnable; i++) {
    const rp::Variant& v = *all.list[i];
    checkRead(v);
    checkFma(v);
    checkOps(v);
    checkSession(v);
    printf("%s checked\n", v.isa);
  }
  printf("%d failures\n", failures);
  return failures > 0 || all.count == 0;
}
