// Depthwise convolution of 3 x 3 taps with stride 1 and dilation 1, down the rows of a plane: a row of inputs is read once, each of its
// vectors in three shifts, and every one serves the three rows of outputs it belongs to: three loads for nine products. A plane then comes
// and goes in one piece, as in a copy. Zen 4, 8 x 256 planes of 112 x 112: 4.6 ms, four rows at a time from six streams 10.3; in columns
// of four vectors, 7.1. Asking for rows ahead brought nothing on one thread and cost a tenth on two.
#include "conv.h"
#include "loops.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)
namespace {

constexpr int mostVectors = 8;  // of a row at a time: 16 sums, 9 weights, and what one vector needs, in 32 registers
constexpr int64_t slack = 64;   // floats around a copied row, into which masked vectors reach

uint32_t below(int64_t lane) { return (1u << (lane < 0 ? 0 : lane > lanes ? lanes : lane)) - 1; }

struct Work {
  const ConvShape& s;
  const Epilogue& out;
  const float *begin, *end;          // of the inputs
  float* row;                        // a copy of a row, for vectors that reach beyond the inputs
  __mmask16 first[3], last[3], kept;  // of the first vector and the last of a row under its three taps, and of the last of its outputs
  Work(const ConvShape& shape, const ConvArgs& c, float* scratch)
      : s(shape), out(c.out), begin(c.x), end(c.x + shape.batch * shape.channels * shape.height * shape.width), row(scratch + slack) {
    const int64_t tail = (s.outWidth - 1) / lanes * lanes;
    for (int i = 0; i < 3; i++) {
      first[i] = inside(i - s.before);
      last[i] = inside(tail + i - s.before);
    }
    kept = __mmask16(below(s.outWidth - tail));
  }
  // the lanes of a vector at a column that lie in the row
  __mmask16 inside(int64_t column) const { return __mmask16(below(s.width - column) & ~below(-column)); }
};

template <int V, bool far>
void down(const Work& k, const float* x, const float* w, float* y, int64_t filter, int64_t at, int64_t from, int64_t till) {
  const ConvShape& s = k.s;
  const int64_t left = at - s.before, right = left + (V - 1) * lanes;
  const bool ends = at + V * lanes >= s.outWidth;
  __mmask16 first[3], last[3];
  RP_STEP(3) {
    last[i] = ends ? k.last[i] : __mmask16(0xffff);
    first[i] = __mmask16((at == 0 ? k.first[i] : 0xffff) & (V == 1 ? last[i] : 0xffff));
  }
  const __mmask16 kept = ends ? k.kept : __mmask16(0xffff);
  const bool more = k.out.bias || k.out.scale || k.out.relu;
  f32v weight[9];
  RP_STEP(9) weight[i] = splat(w[i]);
  f32v older[V] = {}, newer[V] = {};  // sums of the next two rows of outputs
  float* to = y + from * s.outWidth + at;
  const auto leave = [&](int i, f32v sum) __attribute__((always_inline)) {
    if (more) sum = k.out(sum, filter);
    if (far) stream(to + i * lanes, sum);
    else if (i < V - 1) store(to + i * lanes, sum);
    else _mm512_mask_storeu_ps(to + i * lanes, kept, __m512(sum));
  };
  const auto step = [&](int64_t in, bool gives) __attribute__((always_inline)) {
    const float* p = x + in * s.width;
    if (p - s.before < k.begin || p + right + 2 + lanes > k.end) {
      for (int64_t j = 0; j < s.width; j++) k.row[j] = p[j];
      p = k.row;
    }
    p += left;
    RP_STEP(V) {
      f32v v[3];
      RP_UNROLL
      for (int across = 0; across < 3; across++) {
        const float* const here = p + i * lanes + across;
        v[across] = i == 0 ? f32v(_mm512_maskz_loadu_ps(first[across], here))
                  : i == V - 1 ? f32v(_mm512_maskz_loadu_ps(last[across], here)) : load(here);
        asm("" : "+v"(v[across]));  // or the compiler loads it once for each of its three products
      }
      f32v newest = weight[0] * v[0];
      RP_UNROLL
      for (int across = 0; across < 3; across++) {
        older[i] += weight[6 + across] * v[across];
        newer[i] += weight[3 + across] * v[across];
        if (across > 0) newest += weight[across] * v[across];
      }
      if (gives) leave(i, older[i]);
      older[i] = newer[i];
      newer[i] = newest;
    }
    if (gives) to += s.outWidth;
  };
  const int64_t stop = till + 2 - s.before, bottom = stop < s.height ? stop : s.height;
  int64_t in = from > s.before ? from - s.before : 0;
  for (; in < bottom && in < from + 2 - s.before; in++) step(in, false);
  for (; in < bottom; in++) step(in, true);
  for (; in < stop; in++) {
    if (in >= from + 2 - s.before) {
      RP_STEP(V) leave(i, older[i]);
      to += s.outWidth;
    }
    RP_STEP(V) {
      older[i] = newer[i];
      newer[i] = splat(0.0f);
    }
  }
}

template <bool far>
void planes(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  const Work k(s, c, args.scratch);
  const int64_t vectors = (s.outWidth + lanes - 1) / lanes, groups = (vectors + mostVectors - 1) / mostVectors;
  const Span mine = share(s.batch * s.filters * s.outHeight, 1, args.thread, args.threads);
  for (int64_t at = mine.from; at < mine.to;) {
    const int64_t plane = at / s.outHeight, filter = plane % s.filters, channel = plane / s.filters * s.channels + filter / s.groupFilters;
    const int64_t from = at % s.outHeight, to = from + mine.to - at < s.outHeight ? from + mine.to - at : s.outHeight;
    const float *x = c.x + channel * s.height * s.width, *w = c.w + filter * 9;
    float* const y = c.y + plane * s.outputs;
    for (int64_t g = 0; g < groups; g++) {
      const int64_t first = g * vectors / groups, column = first * lanes;
      switch ((g + 1) * vectors / groups - first) {
        case 1: down<1, far>(k, x, w, y, filter, column, from, to); break;
        case 2: down<2, far>(k, x, w, y, filter, column, from, to); break;
        case 3: down<3, far>(k, x, w, y, filter, column, from, to); break;
        case 4: down<4, far>(k, x, w, y, filter, column, from, to); break;
        case 5: down<5, far>(k, x, w, y, filter, column, from, to); break;
        case 6: down<6, far>(k, x, w, y, filter, column, from, to); break;
        case 7: down<7, far>(k, x, w, y, filter, column, from, to); break;
        default: down<8, far>(k, x, w, y, filter, column, from, to);
      }
    }
    at += to - from;
  }
  drain(far);
}

}  // namespace

bool convDepthwiseDown(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  // padding of at most one vector's edge: 1 on the left, 1 on the right
  if (s.kernel != 3 || s.stride != 1 || s.dilation != 1 || s.outWidth > s.width || s.width + 2 * slack > int64_t(scratchFloats)) return false;
  if (s.padded && !allFinite(c.w, s.filters * 9)) return false;
  if (isFar(c.y, s.batch * s.filters * s.outputs, s.outWidth)) planes<true>(args, s, c);
  else planes<false>(args, s, c);
  return true;
}
#else
bool convDepthwiseDown(const OpArgs&, const ConvShape&, const ConvArgs&) { return false; }
#endif

}  // namespace RP_NS
}  // namespace rp
