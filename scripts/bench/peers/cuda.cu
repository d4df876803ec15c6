// The vendor's own interface beside WebGPU on an NVIDIA card: the same multiply-add chains and the same copy, in CUDA. Prints one line of JSON:
// {"fma": FLOP/s, "copy": B/s (read and written)}. Built and run by scripts/bench/gpu.mjs where there is an nvcc: nvcc -O3 -arch=native cuda.cu
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>

static void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
  std::exit(1);
}

constexpr int loops = 64;
constexpr int steps = 16;

// a = a·x + y in `chains` registers of a thread; x and y come from memory, so that nothing can be computed beforehand
template <int chains> __global__ void fma_chains(const float *seeds, float *results) {
  const float x = seeds[0], y = seeds[1];
  float a[chains];
  for (int c = 0; c < chains; c++) a[c] = 0.5f + float(threadIdx.x % 8 + c) * seeds[2];
  for (int i = 0; i < loops; i++) {
#pragma unroll
    for (int s = 0; s < steps; s++)
#pragma unroll
      for (int c = 0; c < chains; c++) a[c] = fmaf(a[c], x, y);
  }
  float sum = 0;
  for (int c = 0; c < chains; c++) sum += a[c];
  // no thread's work may be left out: it cannot be foreseen that none stores
  if (threadIdx.x == 0 || sum == 123456.75f) results[blockIdx.x] = sum;
}

template <int unroll> __global__ void copy(const float4 *from, float4 *to) {
  const size_t first = size_t(blockIdx.x) * blockDim.x * unroll + threadIdx.x;
#pragma unroll
  for (int u = 0; u < unroll; u++) to[first + size_t(u) * blockDim.x] = from[first + size_t(u) * blockDim.x];
}

// launches between two events: what lies between launches is then no share of one, as in a dispatch of WebGPU's streams, which lasts milliseconds
constexpr int launches = 4;

// the shortest of many runs, s
template <typename Run> static double shortest(Run run) {
  cudaEvent_t start, stop;
  check(cudaEventCreate(&start));
  check(cudaEventCreate(&stop));
  double best = 1e9;
  for (int i = 0; i < 40; i++) {
    check(cudaEventRecord(start));
    for (int l = 0; l < launches; l++) run();
    check(cudaEventRecord(stop));
    check(cudaEventSynchronize(stop));
    check(cudaGetLastError());
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start, stop));
    const double seconds = ms / 1e3 / launches;
    if (i >= 4 && seconds > 0 && seconds < best) best = seconds;
  }
  return best;
}

int main() {
  constexpr int blocks = 32768, threads = 256;
  const float values[4] = {0.75f, 0.125f, 0.0078125f, 0};
  float *seeds, *results;
  check(cudaMalloc(&seeds, sizeof values));
  check(cudaMemcpy(seeds, values, sizeof values, cudaMemcpyHostToDevice));
  check(cudaMalloc(&results, blocks * sizeof(float)));
  double fma = 0;
  const auto rate = [&](int chains, double seconds) {
    const double value = 2.0 * chains * loops * steps * double(blocks) * threads / seconds;
    if (value > fma) fma = value;
  };
  rate(4, shortest([&] { fma_chains<4><<<blocks, threads>>>(seeds, results); }));
  rate(8, shortest([&] { fma_chains<8><<<blocks, threads>>>(seeds, results); }));
  rate(16, shortest([&] { fma_chains<16><<<blocks, threads>>>(seeds, results); }));

  const size_t bytes = size_t(1) << 30;
  float4 *from, *to;
  check(cudaMalloc(&from, bytes));
  check(cudaMalloc(&to, bytes));
  check(cudaMemset(from, 0x3e, bytes));
  const size_t items = bytes / sizeof(float4);
  double moved = 0;
  const auto bandwidth = [&](double seconds) {
    if (2.0 * bytes / seconds > moved) moved = 2.0 * bytes / seconds;
  };
  bandwidth(shortest([&] { copy<1><<<unsigned(items / threads), threads>>>(from, to); }));
  bandwidth(shortest([&] { copy<4><<<unsigned(items / threads / 4), threads>>>(from, to); }));
  bandwidth(shortest([&] { copy<8><<<unsigned(items / threads / 8), threads>>>(from, to); }));
  bandwidth(shortest([&] { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice)); }));
  std::printf("{\"fma\": %.6g, \"copy\": %.6g}\n", fma, moved);
}
