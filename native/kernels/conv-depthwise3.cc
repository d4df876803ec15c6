// Depthwise convolution of 3 x 3 taps with stride 1 and dilation 1, down the rows of a plane: a row of inputs is read once, each of its
// vectors in three shifts, and every one serves the three rows of outputs it belongs to: three loads for nine products. A plane then comes
// and goes in one piece, as in a copy. Zen 4, 8 x 256 planes of 112 x 112: 4.6 ms, four rows at a time from six streams 10.3; in columns
// of four vectors, 7.1.
//
// Lanes beyond a row are left out by masks on the multiply-adds, which cost nothing; a masked load takes a place on the two ports that
// multiply (Emerald Rapids: 22.4 cycles a row of 28 with six of them, 13.1 with none).
#include "../core/cores.h"
#include "conv.h"
#include "loops.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)
namespace {

constexpr int mostVectors = 8;  // of a row at a time: 16 sums, 9 weights, and what one vector needs, in 32 registers
constexpr int64_t slack = 64;   // floats around a copied row, into which vectors reach

// Floats ahead of which Intel's cores ask for lines. Emerald Rapids, from memory into L2, 8 x 256 planes of 112 x 112: 13.6 ms without, 10.2
// so (two threads 15.3 and 8.7; 1024 to 8192 are the same); 16 x 28 x 28 in L2, inputs and outputs: 4.2 us and 3.4. On Zen 4 it brought
// nothing on one thread and cost a tenth on two.
constexpr int64_t farAhead = 2048, nearAhead = 128;

template <bool set>
struct Flag {
  static constexpr bool value = set;
};
int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
uint32_t below(int64_t lane) { return (1u << (lane < 0 ? 0 : lane > lanes ? lanes : lane)) - 1; }

struct Work {
  const ConvShape& s;
  const Epilogue& out;
  const float *begin, *end;    // of the inputs
  float* row;                  // a copy of a row, for vectors that reach beyond the inputs
  __mmask16 first, last, kept;  // of the first vector of a row under the left tap, the last under the right, and the last of its outputs
  bool more;                   // something happens to the sums
  bool asks = tunedFor() == Cores::intel;
  const float* until = nullptr;  // the end of this thread's outputs: lines beyond belong to another's caches
  Work(const ConvShape& shape, const ConvArgs& c, float* scratch)
      : s(shape), out(c.out), begin(c.x), end(c.x + shape.batch * shape.channels * shape.height * shape.width), row(scratch + slack) {
    const int64_t tail = (s.outWidth - 1) / lanes * lanes;
    first = inside(-s.before);
    last = inside(tail + 2 - s.before);
    kept = __mmask16(below(s.outWidth - tail));
    more = out.bias || out.scale || out.relu;
  }
  // the lanes of a vector at a column that lie in the row
  __mmask16 inside(int64_t column) const { return __mmask16(below(s.width - column) & ~below(-column)); }
};

// a + w * x in the lanes of the mask, a in the others
RP_INLINE f32v addIn(__mmask16 mask, f32v a, f32v w, f32v x) { return f32v(_mm512_mask3_fmadd_ps(__m512(w), __m512(x), __m512(a), mask)); }

// Rows of outputs [from, till) in V vectors from column `at` on. `guarded`: vectors of some rows of inputs reach beyond the tensor.
template <int V, bool far, bool more, bool guarded>
void down(const Work& k, const float* x, const float* w, float* y, int64_t filter, int64_t at, int64_t from, int64_t till) {
  const ConvShape& s = k.s;
  const int64_t width = s.width, outWidth = s.outWidth, height = s.height, before = s.before, left = at - before;
  const bool ends = at + V * lanes >= outWidth, asks = k.asks;
  const float* const until = k.until;
  // Of the kept outputs only the first reaches beyond the left end of its row, under the first tap, and the last beyond the right, under the last.
  const __mmask16 whole = 0xffff, first = at == 0 ? k.first : whole, last = ends ? k.last : whole, kept = ends ? k.kept : whole;
  f32v weight[9];
  RP_STEP(9) weight[i] = splat(w[i]);
  f32v older[V] = {}, newer[V] = {};  // sums of the next two rows of outputs
  float* to = y + from * outWidth + at;
  const auto leave = [&](int i, f32v sum) __attribute__((always_inline)) {
    if (more) sum = k.out(sum, filter);
    if (far) stream(to + i * lanes, sum);
    else if (i < V - 1) store(to + i * lanes, sum);
    else _mm512_mask_storeu_ps(to + i * lanes, kept, __m512(sum));
  };
  int64_t in = from > before ? from - before : 0;
  const float* next = x + in * width;
  const auto step = [&](auto gives) __attribute__((always_inline)) {
    const float* p = next;
    if (guarded && (p - before < k.begin || p + left + (V - 1) * lanes + 2 + lanes > k.end)) {
      for (int64_t j = 0; j < width; j++) k.row[j] = p[j];
      p = k.row;
    }
    p += left;
    if (asks) {
      const float* const then = until - to > nearAhead + V * lanes ? to + nearAhead : to;
      RP_STEP(V) {
        if (far) __builtin_prefetch(next + at + i * lanes + farAhead, 0, 2);
        else __builtin_prefetch(next + at + i * lanes + nearAhead, 0, 3), __builtin_prefetch(then + i * lanes, 0, 3);
      }
    }
    next += width;
    RP_STEP(V) {
      // not an array, whose vectors GCC 12 left on the stack, too: Emerald Rapids, rows of 28, 13.1 cycles each so and 11.6 now, of 9.0 that
      // the multiply-adds take
      f32v l = load(p + i * lanes), m = load(p + i * lanes + 1), r = load(p + i * lanes + 2);
      asm("" : "+v"(l), "+v"(m), "+v"(r));  // or the compiler loads them once for each of their three products
      f32v newest = weight[1] * m;
      older[i] += weight[7] * m;
      newer[i] += weight[4] * m;
      older[i] = i == 0 ? addIn(first, older[i], weight[6], l) : older[i] + weight[6] * l;
      newer[i] = i == 0 ? addIn(first, newer[i], weight[3], l) : newer[i] + weight[3] * l;
      newest = i == 0 ? addIn(first, newest, weight[0], l) : newest + weight[0] * l;
      older[i] = i == V - 1 ? addIn(last, older[i], weight[8], r) : older[i] + weight[8] * r;
      newer[i] = i == V - 1 ? addIn(last, newer[i], weight[5], r) : newer[i] + weight[5] * r;
      newest = i == V - 1 ? addIn(last, newest, weight[2], r) : newest + weight[2] * r;
      if (decltype(gives)::value) leave(i, older[i]);
      older[i] = newer[i];
      newer[i] = newest;
    }
    if (decltype(gives)::value) to += outWidth;
  };
  const int64_t stop = till + 2 - before, bottom = stop < height ? stop : height;
  for (; in < bottom && in < from + 2 - before; in++) step(Flag<false>{});
  for (; in < bottom; in++) step(Flag<true>{});
  for (; in < stop; in++) {
    if (in >= from + 2 - before) {
      RP_STEP(V) leave(i, older[i]);
      to += outWidth;
    }
    RP_STEP(V) {
      older[i] = newer[i];
      newer[i] = splat(0.0f);
    }
  }
}

template <int V, bool far, bool more>
void rowsOf(const Work& k, const float* x, const float* w, float* y, int64_t filter, int64_t at, int64_t from, int64_t till) {
  const ConvShape& s = k.s;
  // the rows of inputs whose vectors lie inside the tensor, and those of outputs that take no others
  const int64_t low = x - s.before < k.begin ? 1 : 0, room = k.end - x - (at - s.before + V * lanes + 2);
  const int64_t high = room < 0 ? 0 : room / s.width + 1;
  const int64_t top = low == 0 ? from : least(till, from > low + s.before ? from : low + s.before);
  const int64_t bottom = high >= s.height ? till : high + s.before - 2;
  const int64_t safe = bottom < top ? top : least(till, bottom);
  if (from < top) down<V, far, more, true>(k, x, w, y, filter, at, from, top);
  if (top < safe) down<V, far, more, false>(k, x, w, y, filter, at, top, safe);
  if (safe < till) down<V, far, more, true>(k, x, w, y, filter, at, safe, till);
}

template <bool far, bool more>
void planes(const OpArgs& args, const ConvShape& s, Work k, const ConvArgs& c) {
  const int64_t vectors = (s.outWidth + lanes - 1) / lanes, groups = (vectors + mostVectors - 1) / mostVectors;
  const Span mine = share(s.batch * s.filters * s.outHeight, 1, args.thread, args.threads);
  k.until = c.y + mine.to * s.outWidth;
  for (int64_t at = mine.from; at < mine.to;) {
    const int64_t plane = at / s.outHeight, filter = plane % s.filters, channel = plane / s.filters * s.channels + filter / s.groupFilters;
    const int64_t from = at % s.outHeight, to = from + mine.to - at < s.outHeight ? from + mine.to - at : s.outHeight;
    const float *x = c.x + channel * s.height * s.width, *w = c.w + filter * 9;
    float* const y = c.y + plane * s.outputs;
    for (int64_t g = 0; g < groups; g++) {
      const int64_t first = g * vectors / groups, column = first * lanes;
      switch ((g + 1) * vectors / groups - first) {
        case 1: rowsOf<1, far, more>(k, x, w, y, filter, column, from, to); break;
        case 2: rowsOf<2, far, more>(k, x, w, y, filter, column, from, to); break;
        case 3: rowsOf<3, far, more>(k, x, w, y, filter, column, from, to); break;
        case 4: rowsOf<4, far, more>(k, x, w, y, filter, column, from, to); break;
        case 5: rowsOf<5, far, more>(k, x, w, y, filter, column, from, to); break;
        case 6: rowsOf<6, far, more>(k, x, w, y, filter, column, from, to); break;
        case 7: rowsOf<7, far, more>(k, x, w, y, filter, column, from, to); break;
        default: rowsOf<8, far, more>(k, x, w, y, filter, column, from, to);
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
  const Work k(s, c, args.scratch);
  const bool far = isFar(c.y, s.batch * s.filters * s.outputs, s.outWidth);
  if (k.more) far ? planes<true, true>(args, s, k, c) : planes<false, true>(args, s, k, c);
  else far ? planes<true, false>(args, s, k, c) : planes<false, false>(args, s, k, c);
  return true;
}
#else
bool convDepthwiseDown(const OpArgs&, const ConvShape&, const ConvArgs&) { return false; }
#endif

}  // namespace RP_NS
}  // namespace rp
