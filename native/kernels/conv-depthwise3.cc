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
constexpr int64_t slack = 64;   // floats around copied rows, into which vectors reach

// Floats ahead of which Intel's cores ask for lines. Emerald Rapids, from memory into L2, 8 x 256 planes of 112 x 112: 13.6 ms without, 10.2
// so (two threads 15.3 and 8.7; 1024 to 8192 are the same); 16 x 28 x 28 in L2: 1.95 us and 1.78 (asking for outputs, too, 1.82). On Zen 4 it
// brought nothing on one thread and cost a tenth on two.
constexpr int64_t farAhead = 2048, nearAhead = 128;

uint32_t below(int64_t lane) { return (1u << (lane < 0 ? 0 : lane > lanes ? lanes : lane)) - 1; }

// Vectors of the tensor's first row reach beyond its begin, those of its last rows beyond its end: these rows are read from copies.
struct Work {
  const ConvShape& s;
  const Epilogue& out;
  float *begin, *ends;          // copies of the first row and of the last
  int64_t safe;                 // rows of the tensor that come before those
  __mmask16 first, last, kept;  // of the first vector of a row under the left tap, the last under the right, and the last of its outputs
  Work(const ConvShape& shape, const ConvArgs& c, float* scratch) : s(shape), out(c.out), begin(scratch + slack), ends(begin + shape.width + 2 * slack) {
    const int64_t tail = (s.outWidth - 1) / lanes * lanes, all = s.batch * s.channels * s.height, reach = tail + lanes - s.before + 2;
    const int64_t beyond = least(all, (reach - 1) / s.width);  // a row reads so many rows behind it, at most in part
    safe = all - beyond;
    first = inside(-s.before);
    last = inside(tail + 2 - s.before);
    kept = __mmask16(below(s.outWidth - tail));
    for (int64_t j = 0; j < s.width; j++) begin[j] = c.x[j];
    for (int64_t j = 0; j < beyond * s.width; j++) ends[j] = c.x[safe * s.width + j];
  }
  // the lanes of a vector at a column that lie in the row
  __mmask16 inside(int64_t column) const { return __mmask16(below(s.width - column) & ~below(-column)); }
  // floats of scratch memory, the widest vectors included
  static int64_t scratch(const ConvShape& s) { return 2 * s.width + 2 * lanes + 4 * slack; }
};

// a + w * x in the lanes of the mask, a in the others
RP_INLINE f32v addIn(__mmask16 mask, f32v a, f32v w, f32v x) { return f32v(_mm512_mask3_fmadd_ps(__m512(w), __m512(x), __m512(a), mask)); }

// Which sums a row of inputs adds to: of the row of outputs above it, its own and the one below. It is the last of the first, and the first of the last.
enum Taps { toBelow = 1, toOwn = 2, toAbove = 4 };
template <int value>
struct Into {
  static constexpr bool above = value & toAbove, own = value & toOwn, below = value & toBelow;
};

// Rows of outputs [from, till) of all planes, in V vectors from column `at` on. Emerald Rapids, 16 planes of 28 x 28: 2.23 us where each plane was a call
// that divided for its place and read the ends of the tensor in parts of their own, 1.90 so; 16 of 14 x 14 0.86 and 0.63.
template <int V, bool far, bool more, bool asks>
void down(const Work& k, const ConvArgs& c, int64_t at, int64_t from, int64_t till) {
  const ConvShape& s = k.s;
  const int64_t width = s.width, outWidth = s.outWidth, height = s.height, outHeight = s.outHeight, left = at - s.before, centre = 1 - s.before;
  const bool ends = at + V * lanes >= outWidth;
  // Of the kept outputs only the first reaches beyond the left end of its row, under the first tap, and the last beyond the right, under the last.
  const __mmask16 whole = 0xffff, first = at == 0 ? k.first : whole, last = ends ? k.last : whole, kept = ends ? k.kept : whole;
  // counted on from plane to plane: divisions took 34 cycles of 370 each (Emerald Rapids, 28 x 28)
  const int64_t plane = from / outHeight, channel = plane / s.groupFilters;
  int64_t filter = plane % s.filters, ofGroup = plane % s.groupFilters, begin = plane * outHeight;
  int64_t safe = k.safe - channel * height;  // rows of the plane that lie safe
  const float* x = c.x + channel * height * width;
  float* to = c.y + from * outWidth + at;
  for (int64_t end; from < till; from = end) {
    end = least(till, begin + outHeight);
    const int64_t top = from - begin + centre, bottom = end - begin + centre;  // rows of inputs, of the first outputs' middle taps and behind the last's
    const float* const w = c.w + filter * 9;
    f32v weight[9];
    RP_STEP(9) weight[i] = splat(w[i]);
    f32v even[V], odd[V];  // sums of rows of outputs in turn
    const auto leave = [&](int i, f32v sum) __attribute__((always_inline)) {
      if (more) sum = k.out(sum, filter);
      if (far) stream(to + i * lanes, sum);
      else if (i < V - 1) store(to + i * lanes, sum);
      else _mm512_mask_storeu_ps(to + i * lanes, kept, __m512(sum));
    };
    // `above` takes the place of what it leaves: the sums of the row below
    const auto step = [&](const float* row, auto into, f32v (&above)[V], f32v (&own)[V]) __attribute__((always_inline)) {
      typedef decltype(into) I;
      const float* const p = row + left;
      if (asks) RP_STEP(V) __builtin_prefetch(row + at + i * lanes + (far ? farAhead : nearAhead), 0, far ? 2 : 3);
      RP_STEP(V) {
        // not an array, whose vectors GCC 12 left on the stack, too: Emerald Rapids, rows of 28, 13.1 cycles each so and 11.6 now, of 9.0 that
        // the multiply-adds take
        f32v l = load(p + i * lanes), m = load(p + i * lanes + 1), r = load(p + i * lanes + 2);
        asm("" : "+v"(l), "+v"(m), "+v"(r));  // or the compiler loads them once for each of their three products
        const auto add = [&](f32v& sum, int tap) __attribute__((always_inline)) {
          sum = i == 0 ? addIn(first, sum, weight[tap], l) : sum + weight[tap] * l;
          sum = i == V - 1 ? addIn(last, sum, weight[tap + 2], r) : sum + weight[tap + 2] * r;
        };
        f32v below;
        if (I::below) below = weight[1] * m;
        if (I::above) above[i] += weight[7] * m;
        if (I::own) own[i] += weight[4] * m;
        if (I::above) add(above[i], 6), leave(i, above[i]);
        if (I::own) add(own[i], 3);
        if (I::below) add(below, 0), above[i] = below;
      }
      if (I::above) to += outWidth;
    };
    const auto swap = [&]() __attribute__((always_inline)) {
      RP_STEP(V) {
        const f32v sum = even[i];
        even[i] = odd[i];
        odd[i] = sum;
      }
    };
    const auto rowAt = [&](int64_t i) __attribute__((always_inline)) {
      return i >= safe ? k.ends + (i - safe) * width : i == 0 && x == c.x ? k.begin : x + i * width;
    };
    if (top > 0) step(rowAt(top - 1), Into<toBelow>{}, odd, even);
    else RP_STEP(V) odd[i] = splat(0.0f);
    step(rowAt(top), Into<toOwn | toBelow>{}, even, odd);
    for (int64_t in = top + 1; in < bottom;) {
      const float* row = rowAt(in);
      const int64_t stop = in < safe ? least(bottom, safe) : bottom;
      for (; in + 1 < stop; in += 2, row += 2 * width) {
        step(row, Into<toAbove | toOwn | toBelow>{}, odd, even);
        step(row + width, Into<toAbove | toOwn | toBelow>{}, even, odd);
      }
      if (in < stop) {
        step(row, Into<toAbove | toOwn | toBelow>{}, odd, even);
        swap();
        in++;
      }
    }
    if (bottom < height) step(rowAt(bottom), Into<toAbove>{}, odd, even);
    else {
      RP_STEP(V) leave(i, odd[i]);
      to += outWidth;
    }
    if (end < begin + outHeight) break;
    begin = end;
    if (++ofGroup == s.groupFilters) ofGroup = 0, safe -= height, x += height * width;
    if (++filter == s.filters) filter = 0;
  }
}

template <bool far, bool more, bool asks>
void planes(const OpArgs& args, const ConvShape& s, const Work& k, const ConvArgs& c) {
  const int64_t vectors = (s.outWidth + lanes - 1) / lanes, groups = (vectors + mostVectors - 1) / mostVectors;
  const Span mine = share(s.batch * s.filters * s.outHeight, 1, args.thread, args.threads);
  for (int64_t at = mine.from, to; at < mine.to; at = to) {
    to = groups == 1 ? mine.to : least(mine.to, (at / s.outHeight + 1) * s.outHeight);
    for (int64_t g = 0; g < groups; g++) {
      const int64_t first = g * vectors / groups, column = first * lanes;
      switch ((g + 1) * vectors / groups - first) {
        case 1: down<1, far, more, asks>(k, c, column, at, to); break;
        case 2: down<2, far, more, asks>(k, c, column, at, to); break;
        case 3: down<3, far, more, asks>(k, c, column, at, to); break;
        case 4: down<4, far, more, asks>(k, c, column, at, to); break;
        case 5: down<5, far, more, asks>(k, c, column, at, to); break;
        case 6: down<6, far, more, asks>(k, c, column, at, to); break;
        case 7: down<7, far, more, asks>(k, c, column, at, to); break;
        default: down<8, far, more, asks>(k, c, column, at, to);
      }
    }
  }
  drain(far);
}

template <bool asks>
void planes(const OpArgs& args, const ConvShape& s, const Work& k, const ConvArgs& c) {
  const bool far = isFar(c.y, s.batch * s.filters * s.outputs, s.outWidth), more = k.out.bias || k.out.scale || k.out.relu;
  if (more) far ? planes<true, true, asks>(args, s, k, c) : planes<false, true, asks>(args, s, k, c);
  else far ? planes<true, false, asks>(args, s, k, c) : planes<false, false, asks>(args, s, k, c);
}

}  // namespace

bool convDepthwiseDown(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  // padding of at most one vector's edge: 1 on the left, 1 on the right
  if (s.kernel != 3 || s.stride != 1 || s.dilation != 1 || s.outWidth > s.width || Work::scratch(s) > int64_t(scratchFloats)) return false;
  if (s.padded && !allFinite(c.w, s.filters * 9)) return false;
  const Work k(s, c, args.scratch);
  if (tunedFor() == Cores::intel) planes<true>(args, s, k, c);
  else planes<false>(args, s, k, c);
  return true;
}
#else
bool convDepthwiseDown(const OpArgs&, const ConvShape&, const ConvArgs&) { return false; }
#endif

}  // namespace RP_NS
}  // namespace rp
