/* A kernel of your own under ridgepoint's protocol: build a shared object that defines ridgepoint_kernel_get() and run
 *   perf bench --load ./mykernel.so
 *     cc -O3 -march=native -shared -fPIC -I <package>/native/include mykernel.c -o mykernel.so
 * Plain C; native/examples/axpy.c is a whole example. */
#ifndef RIDGEPOINT_KERNEL_H
#define RIDGEPOINT_KERNEL_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define RIDGEPOINT_KERNEL_VERSION 1
#define RIDGEPOINT_MAX_DIMS 8
#define RIDGEPOINT_MAX_TENSORS 16

typedef struct ridgepoint_kernel {
  uint32_t version; /* RIDGEPOINT_KERNEL_VERSION */
  const char* name;
  const char* dtype; /* what it computes in: "f32", "f64" or "int8"; tensors of f32 and f64 are filled with values in [-1, 1) */
  uint32_t dims;     /* 1 to RIDGEPOINT_MAX_DIMS */
  const char* const* dim_names;
  const int64_t* default_dims;
  uint32_t tensors; /* 1 to RIDGEPOINT_MAX_TENSORS */
  uint64_t (*tensor_bytes)(const int64_t* dims, uint32_t tensor);
  double (*flops)(const int64_t* dims);         /* of one call; 1 multiply-accumulate = 2 */
  double (*bytes_read)(const int64_t* dims);    /* of one call, each tensor once */
  double (*bytes_written)(const int64_t* dims); /* the same */
  /* One thread's share; the threads of a call run at once and meet when all have returned. */
  void (*run)(const int64_t* dims, void* const* tensors, int thread, int threads);
  /* The largest error after one call over fresh tensors, by a reference of your own; may be null: then nothing is checked. */
  double (*check)(const int64_t* dims, void* const* tensors);
} ridgepoint_kernel;

/* The one symbol that a shared object exports. */
const ridgepoint_kernel* ridgepoint_kernel_get(void);

#ifdef __cplusplus
}
#endif
#endif
