// What each step from the register tile to the whole matrix product costs, on one thread: built and run by gemm-steps.mjs.
//   gemm-steps SIZE TURNS     prints one line of JSON per type: GFLOP/s of each step, the best of the turns, steps in turn
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../../native/core/clock.h"
#include "../../../native/core/memory.h"
#include "../../../native/kernels/product.h"

namespace rp {
namespace RP_NS {
namespace {

template <typename P>
struct Of;
template <>
struct Of<F32> {
  static constexpr Blocks blocks = blocksF32;
};
template <>
struct Of<F64> {
  static constexpr Blocks blocks = blocksF64;
};

// As many accumulators as the tile has, in registers alone.
template <typename P>
__attribute__((noinline)) double registers(int64_t passes, const typename P::Out* from) {
  typename P::V sums[MR][tileVectors];
  RP_UNROLL
  for (int i = 0; i < MR; i++) {
    RP_UNROLL
    for (int w = 0; w < tileVectors; w++) sums[i][w] = loadAs<typename P::V>(from);
  }
  const typename P::V by = loadAs<typename P::V>(from + P::lanes);
  for (int64_t p = 0; p < passes; p++) {
    RP_UNROLL
    for (int i = 0; i < MR; i++) {
      RP_UNROLL
      for (int w = 0; w < tileVectors; w++) {
        sums[i][w] = sums[i][w] * by + by;
        __asm__ volatile("" : "+v"(sums[i][w]));
      }
    }
  }
  double total = 0;
  RP_UNROLL
  for (int i = 0; i < MR; i++) {
    RP_UNROLL
    for (int w = 0; w < tileVectors; w++) total += double(sums[i][w][0]);
  }
  return total;
}

template <typename P>
__attribute__((noinline)) void oneTile(int64_t words, const typename P::Word* a, const typename P::Word* b, typename P::Out* c, int64_t rowC,
                                       Fetch& fetch) {
  tile<P>(words, PanelA<P>{a}, PanelB<P>{b}, c, rowC, MR, NR<P>, typename P::Out(1), Into::add, fetch);
}

template <typename P>
void run(const char* type, int64_t size, int turns) {
  typedef typename P::Out T;
  constexpr Blocks by = Of<P>::blocks;
  constexpr int wide = NR<P>;
  const size_t matrix = size_t(size) * size * sizeof(T);
  Region memory[4];
  for (Region& region : memory) {
    region = reserve(matrix > scratchFloats * 4 ? matrix : scratchFloats * 4);
    if (!region.data) exit(1);
    fill(region, 0, region.bytes);
  }
  T* const a = reinterpret_cast<T*>(memory[0].data);
  T* const b = reinterpret_cast<T*>(memory[1].data);
  T* const c = reinterpret_cast<T*>(memory[2].data);
  T* const scratch = reinterpret_cast<T*>(memory[3].data);
  const int64_t down = by.mc / MR, across = size / wide, kc = by.kc;
  const double tileWork = 2.0 * MR * wide * double(kc), sweep = tileWork * double(down * across);
  // Tiles in the order of the product; which of their panels of B and tiles of C are always the same is what tells the steps apart.
  const auto tiles = [&](bool farB, bool farC) {
    for (int64_t j = 0; j < across; j++) {
      const T* const panel = b + (farB ? j * wide * kc % (size * size / 2) : 0);
      Fetch fetch({reinterpret_cast<const char*>(panel + (farB ? wide * kc : 0)), 0, farB ? 1 : 0, wide * kc * int64_t(sizeof(T))}, down, kc);
      for (int64_t i = 0; i < down; i++)
        oneTile<P>(kc, scratch + i * MR * kc, panel, farC ? c + i * MR * size + j * wide : c, farC ? size : wide, fetch);
    }
  };
  constexpr int steps = 8;
  const char* const names[steps] = {"registers", "L1", "L2", "matrix", "L3", "product", "still", "long"};
  const double whole = 2.0 * double(size) * double(size) * double(size);
  double best[steps];
  for (double& each : best) each = INFINITY;
  volatile double keep = 0;
  for (int turn = 0; turn < turns; turn++)
    for (int step = 0; step < steps; step++) {
      const int64_t small = 128, passes = int64_t(sweep / (2.0 * MR * wide * small));
      double work = sweep;
      const double from = now();
      if (step == 0) keep = keep + registers<P>(int64_t(sweep / (2.0 * RP_CHAINS * P::lanes)), a);
      if (step == 1) {
        Fetch none({}, 1, small);
        for (int64_t i = 0; i < passes; i++) oneTile<P>(small, scratch, b, c, wide, none);
        work = 2.0 * MR * wide * double(small) * double(passes);
      }
      if (step == 2) tiles(false, false);
      if (step == 3) tiles(false, true);
      if (step == 4) tiles(true, true);
      if (step == 5) {
        product<P>(size, size, size, PackWords<T, MR>{{a, size, 1}}, PackWords<T, wide>{{b, 1, size}}, c, size, T(1), false, scratch);
        work = whole;
      }
      if (step == 6) {  // the same tiles without packing, nothing asked for: what no order of them can be faster than
        NoFetch nothing;
        const int64_t count = int64_t(whole / tileWork);
        for (int64_t i = 0; i < count; i++)
          tile<P>(kc, PanelA<P>{scratch + i % down * MR * kc}, PanelB<P>{b}, c, wide, MR, wide, T(1), Into::add, nothing);
        work = double(count) * tileWork;
      }
      if (step == 7) {  // as long as the product: what else the host and the core do then counts too
        work = whole;
        keep = keep + registers<P>(int64_t(work / (2.0 * RP_CHAINS * P::lanes)), a);
      }
      best[step] = fmin(best[step], (now() - from) / work);
    }
  printf("{\"type\":\"%s\",\"size\":%ld", type, long(size));
  for (int step = 0; step < steps; step++) printf(",\"%s\":%.4g", names[step], 1 / best[step]);
  printf("}\n");
  fflush(stdout);
  for (Region& region : memory) release(region);
}

}  // namespace
}  // namespace RP_NS
}  // namespace rp

int main(int count, char** arguments) {
  if (count != 3) return 2;
  rp::RP_NS::run<rp::RP_NS::F32>("f32", atol(arguments[1]), atoi(arguments[2]));
  rp::RP_NS::run<rp::RP_NS::F64>("f64", atol(arguments[1]), atoi(arguments[2]));
}
