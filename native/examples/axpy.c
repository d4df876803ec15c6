/* z = 3 x + y: a kernel for `perf bench --load`. The definitions FACTOR, CRASH, EXITS, ENDLESS, OUTSIDE, UNCHECKED and VERSION break it,
 * for the tests. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include <ridgepoint/kernel.h>

#ifndef FACTOR
#define FACTOR 3
#endif
#ifndef VERSION
#define VERSION RIDGEPOINT_KERNEL_VERSION
#endif

static const char* const names[] = {"elements"};
static const int64_t sizes[] = {16777216};

/* Three tensors of f32: x, y, z. */
static uint64_t tensor_bytes(const int64_t* dims, uint32_t tensor) {
  (void)tensor;
  return 4 * (uint64_t)dims[0];
}

static double flops(const int64_t* dims) { return 2.0 * (double)dims[0]; }
static double bytes_read(const int64_t* dims) { return 8.0 * (double)dims[0]; }
static double bytes_written(const int64_t* dims) { return 4.0 * (double)dims[0]; }

static void run(const int64_t* dims, void* const* tensors, int thread, int threads) {
  const float* x = tensors[0];
  const float* y = tensors[1];
  float* z = tensors[2];
#ifdef CRASH
  *(volatile int*)8 = 1;
#endif
#ifdef EXITS
  exit(7);
#endif
#ifdef OUTSIDE
  z[dims[0] + OUTSIDE] = 1;
#endif
#ifdef ENDLESS
  for (volatile int forever = 1; forever;) {
  }
#endif
  for (int64_t i = dims[0] * thread / threads; i < dims[0] * (thread + 1) / threads; i++) z[i] = FACTOR * x[i] + y[i];
}

static double check(const int64_t* dims, void* const* tensors) {
  const float* x = tensors[0];
  const float* y = tensors[1];
  const float* z = tensors[2];
  double worst = 0;
  for (int64_t i = 0; i < dims[0]; i++) {
    const double error = fabs(3.0 * x[i] + y[i] - z[i]);
    /* not fmax, which passes NaN over: results that are no numbers would count as right */
    if (!(error <= worst)) worst = error;
    if (isnan(worst)) break;
  }
  return worst;
}

static const ridgepoint_kernel kernel = {
    VERSION, "axpy", "f32", 1, names, sizes, 3, tensor_bytes, flops, bytes_read, bytes_written, run,
#ifdef UNCHECKED
    NULL,
#else
    check,
#endif
};

const ridgepoint_kernel* ridgepoint_kernel_get(void) { return &kernel; }
