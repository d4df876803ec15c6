// Times our matrix products, OpenBLAS's and oneDNN's in turn on the same memory. Built and run by scripts/bench/peers-gemm.mjs.
//   gemm isas                             prints the instruction sets of this CPU, the widest last
//   gemm core                             prints the core whose kernels OpenBLAS runs, or nothing where it is not there
//   gemm ISA TURNS TYPE:MxNxK:THREADS…   prints one line of JSON per run; a library that is not there is null
// The libraries are opened at run time and called through their C interfaces, so that nothing of theirs is needed to compile this.
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "../../../native/core/clock.h"
#include "../../../native/core/session.h"
#include "../../../native/core/variants.h"

namespace {

// Declarations of the BLAS reference (CBLAS: row-major 101, no transpose 111) and of oneDNN's dnnl.h.
typedef void (*Sgemm)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
typedef void (*Dgemm)(int, int, int, int, int, int, double, const double*, int, const double*, int, double, double*, int);
typedef int (*DnnlSgemm)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float, float*,
                         int64_t);
typedef int (*DnnlU8s8)(char, char, char, int64_t, int64_t, int64_t, float, const uint8_t*, int64_t, uint8_t, const int8_t*, int64_t,
                        int8_t, float, int32_t*, int64_t, const int32_t*);

void* opened(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (void* library = dlopen(name, RTLD_NOW | RTLD_GLOBAL)) return library;
  return nullptr;
}

template <typename F>
F symbol(void* library, const char* name) {
  return library ? reinterpret_cast<F>(dlsym(library, name)) : nullptr;
}

struct Libraries {
  void* blas = opened({"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"});
  void* dnnl = opened({"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so"});
  void* openmp = opened({"libgomp.so.1"});
  Sgemm sgemm = symbol<Sgemm>(blas, "cblas_sgemm");
  Dgemm dgemm = symbol<Dgemm>(blas, "cblas_dgemm");
  DnnlSgemm dnnlSgemm = symbol<DnnlSgemm>(dnnl, "dnnl_sgemm");
  DnnlU8s8 dnnlU8s8 = symbol<DnnlU8s8>(dnnl, "dnnl_gemm_u8s8s32");

  void threads(int count) const {
    if (const auto set = symbol<void (*)(int)>(blas, "openblas_set_num_threads")) set(count);
    if (const auto set = symbol<void (*)(int)>(openmp, "omp_set_num_threads")) set(count);
  }
  // Kernel that OpenBLAS chose for this CPU.
  const char* core() const {
    const auto name = symbol<char* (*)()>(blas, "openblas_get_corename");
    return name ? name() : "";
  }
};

struct Job {
  char type[8];
  long m, n, k;
  int threads;
};

struct Rival {
  const char* name;
  std::function<void()> run;
  double best = INFINITY;
};

constexpr double sampleSeconds = 0.003;  // short products are repeated up to this

double timed(const std::function<void()>& run, int passes) {
  const double from = rp::now();
  for (int i = 0; i < passes; i++) run();
  return (rp::now() - from) / passes;
}

// The largest difference between two results, relative above 1.
template <typename T>
double difference(const T* a, const T* b, size_t n) {
  double worst = 0;
  for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs(double(a[i]) - double(b[i])) / fmax(1, fabs(double(b[i]))));
  return worst;
}

int run(const rp::Variant& v, const Libraries& libraries, const Job& job, int turns) {
  const long m = job.m, n = job.n, k = job.k;
  const bool isInt8 = strcmp(job.type, "int8") == 0, isF64 = strcmp(job.type, "f64") == 0;
  const size_t element = isInt8 ? 1 : isF64 ? 8 : 4, result = isInt8 ? 4 : element;
  const auto fill = isInt8 ? rp::Tensor::Fill::bytes : isF64 ? rp::Tensor::Fill::f64 : rp::Tensor::Fill::f32;
  rp::Session session;
  const char* problem = "";
  const std::vector<size_t> bytes(job.threads, 4096), none(job.threads, 0);
  std::vector<rp::Tensor> tensors{{m * k * element, fill, {}}, {k * n * element, fill, {}}, {m * n * result, fill, {}}, {m * n * result, fill, {}}};
  if (!session.open(bytes, none, &problem) || !session.allocate(std::move(tensors))) {
    fprintf(stderr, "%s\n", *problem ? problem : "memory refused");
    return 1;
  }
  rp::Spec spec;
  spec.probe = rp::Probe::program;
  spec.variant = &v;
  spec.threads = job.threads;
  rp::Stage stage;
  stage.op = rp::findOp(v, isInt8 ? "gemm-int8" : isF64 ? "gemm-f64" : "gemm");
  if (!stage.op) return 0;
  stage.dims = {m, n, k};
  stage.in = {0, 1};
  stage.out = {2};
  spec.stages = {stage};
  const int passes = std::max(1, int(sampleSeconds / (2e-11 * double(m) * n * k / job.threads)));
  spec.passes = passes;
  rp::Spec roof;
  roof.probe = rp::Probe::compute;
  roof.variant = &v;
  roof.threads = job.threads;
  roof.compute = rp::findCompute(v, isInt8 ? "dot-int8" : isF64 ? "fma-f64" : "fma-f32");
  roof.passes = 100000;
  rp::Spec witness;  // a neighbour on the core's other hardware thread takes slots of the front end and nothing from the ceiling
  witness.probe = rp::Probe::issue;
  witness.variant = &v;
  witness.threads = job.threads;
  witness.passes = 75000;  // 0.4 ms at six instructions a cycle and 3 GHz
  witness.repetitions = 2;
  witness.clock = true;
  std::vector<double> perCycle;
  libraries.threads(job.threads);
  std::vector<Rival> rivals;
  const int M = int(m), N = int(n), K = int(k);
  char *a = session.buffer(0), *b = session.buffer(1), *c = session.buffer(3);
  const auto f = [](char* p) { return reinterpret_cast<float*>(p); };
  const auto d = [](char* p) { return reinterpret_cast<double*>(p); };
  if (element == 4 && libraries.sgemm)
    rivals.push_back({"openblas", [=, &libraries] { libraries.sgemm(101, 111, 111, M, N, K, 1, f(a), K, f(b), N, 0, f(c), N); }});
  if (isF64 && libraries.dgemm)
    rivals.push_back({"openblas", [=, &libraries] { libraries.dgemm(101, 111, 111, M, N, K, 1, d(a), K, d(b), N, 0, d(c), N); }});
  if (element == 4 && libraries.dnnlSgemm)
    rivals.push_back({"onednn", [=, &libraries] { libraries.dnnlSgemm('N', 'N', m, n, k, 1, f(a), k, f(b), n, 0, f(c), n); }});
  if (isInt8 && libraries.dnnlU8s8)
    rivals.push_back({"onednn", [=, &libraries] {
      static const int32_t zero = 0;
      libraries.dnnlU8s8('N', 'N', 'F', m, n, k, 1, reinterpret_cast<uint8_t*>(a), k, 0, reinterpret_cast<int8_t*>(b), n, 0, 0,
                         reinterpret_cast<int32_t*>(c), n, &zero);
    }});
  double ours = INFINITY, ceiling = 0, worst = 0;
  for (Rival& rival : rivals) {
    rival.run();
    rp::Sample sample;
    session.take(spec, sample);
    const char *x = session.buffer(2), *y = c;
    const size_t count = size_t(m) * n;
    worst = fmax(worst, isInt8  ? difference(reinterpret_cast<const int32_t*>(x), reinterpret_cast<const int32_t*>(y), count)
                        : isF64 ? difference(reinterpret_cast<const double*>(x), reinterpret_cast<const double*>(y), count)
                                : difference(reinterpret_cast<const float*>(x), reinterpret_cast<const float*>(y), count));
  }
  for (int turn = 0; turn < turns; turn++) {
    rp::Sample sample;
    session.take(spec, sample);
    for (const double seconds : sample.seconds) ours = std::min(ours, seconds / passes);
    rp::Sample issued;
    session.take(witness, issued);
    const double hertz = *std::max_element(issued.clockHz.begin(), issued.clockHz.end());
    if (hertz > 0) perCycle.push_back(issued.work / job.threads / *std::min_element(issued.seconds.begin(), issued.seconds.end()) / hertz);
    for (Rival& rival : rivals) rival.best = std::min(rival.best, timed(rival.run, passes));
    if (!roof.compute) continue;
    rp::Sample peak;
    session.take(roof, peak);
    for (const double seconds : peak.seconds) ceiling = std::max(ceiling, peak.work / seconds);
  }
  const double flops = 2.0 * double(m) * n * k;
  std::sort(perCycle.begin(), perCycle.end());
  printf("{\"type\":\"%s\",\"m\":%ld,\"n\":%ld,\"k\":%ld,\"threads\":%d,\"ceiling\":%.4g,\"ours\":%.4g", job.type, m, n, k, job.threads, ceiling,
         flops / ours);
  if (perCycle.empty()) printf(",\"perCycle\":null");
  else printf(",\"perCycle\":%.3g", perCycle[perCycle.size() / 2]);
  for (const char* name : {"openblas", "onednn"}) {
    const auto found = std::find_if(rivals.begin(), rivals.end(), [=](const Rival& r) { return strcmp(r.name, name) == 0; });
    if (found == rivals.end()) printf(",\"%s\":null", name);
    else printf(",\"%s\":%.4g", name, flops / found->best);
  }
  printf(",\"core\":\"%s\",\"difference\":%.2g}\n", libraries.core(), worst);
  fflush(stdout);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "isas") == 0) {
    const rp::Variants& all = rp::variants();
    for (int i = 0; i < all.count; i++) printf("%s%s", i ? " " : "", all.list[i]->isa);
    return 0;
  }
  const Libraries libraries;
  if (count == 2 && strcmp(arguments[1], "core") == 0) {
    printf("%s", libraries.core());
    return 0;
  }
  const rp::Variant* v = count > 2 ? rp::findVariant(arguments[1]) : nullptr;
  if (!v) {
    fprintf(stderr, "gemm isas, gemm core, or gemm ISA TURNS TYPE:MxNxK:THREADS...\n");
    return 2;
  }
  for (int i = 3; i < count; i++) {
    Job job;
    if (sscanf(arguments[i], "%7[^:]:%ldx%ldx%ld:%d", job.type, &job.m, &job.n, &job.k, &job.threads) != 5) return 2;
    if (run(*v, libraries, job, atoi(arguments[2])) != 0) return 1;
  }
}
