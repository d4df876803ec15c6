// Depthwise convolution with stride 1 and dilation 1, on the rows as they lie. Several rows of outputs go together: a vector of an input row
// is loaded once for every tap across and serves all taps down, so that 3 x 3 taps take 4.5 loads for four rows instead of 9, of which two in
// three cross a line and take two cycles. Vectors at the left and right edge are masked, or copied with their padding where the ISA has no
// masks. conv-depthwise3.cc takes most of 3 x 3 where there is AVX-512.
#include "conv.h"
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int rowsTogether = 4;
#if defined(RP_ISA_AVX512)
constexpr int64_t mostEdges = 64;  // vectors of a row whose masks are kept
#endif
constexpr int64_t floatsAhead = 4096;
constexpr int64_t slack = 64;  // floats around a row of padding, into which masked vectors reach

// Vectors that lie inside the row.
struct Within {
  RP_MEMBER f32v operator()(const float* row, int across) const { return load(row + across); }
};

#if defined(RP_ISA_AVX512)
// Vectors that reach beyond the row: 0 there, and nothing is read. A vector that reaches into a page that is not there takes 5 us on Zen 4,
// whatever its mask: beyond the tensor none does.
template <int K>
struct Edge {
  __mmask16 inside[K];
  Edge() {}
  static uint32_t below(int64_t lane) { return (1u << (lane < 0 ? 0 : lane > lanes ? lanes : lane)) - 1; }
  // the first tap of the first lane is at column `from`
  Edge(int64_t from, int64_t width) {
    RP_UNROLL
    for (int i = 0; i < K; i++) inside[i] = __mmask16(below(width - from - i) & ~below(-from - i));
  }
  RP_MEMBER f32v operator()(const float* row, int across) const { return f32v(_mm512_maskz_loadu_ps(inside[across], row + across)); }
};
#endif

// rows: of the input, from the first tap of the first output on
template <int K, int N, typename Take>
RP_INLINE void addTaps(const float* const (&rows)[N], const f32v (&weight)[K * K], const Take& take, f32v (&sum)[N - K + 1]) {
  RP_UNROLL
  for (int i = 0; i < N; i++)
    RP_UNROLL
    for (int across = 0; across < K; across++) {
      f32v x = take(rows[i], across);
#if defined(RP_ISA_AVX512)
      asm("" : "+v"(x));  // or the compiler loads it once for each of its products
#endif
      RP_UNROLL
      for (int r = 0; r < N - K + 1; r++)
        if (i >= r && i - r < K) sum[r] += weight[(i - r) * K + across] * x;
    }
}

template <int K, int height>
struct Plane {
  static constexpr int inputs = height + K - 1;
  const ConvShape& s;
  const Epilogue& out;
  const float* x;
  float* y;
  int64_t filter;
  bool first, last;    // of the tensor's planes
  const float* zeros;  // a row of padding
  float* strip;        // edges with their padding
#if defined(RP_ISA_AVX512)
  const Edge<K>* edges;  // of the first vectors of a row
#endif
  f32v weight[K * K];

  // Outputs of the rows from column `at` on; `atEnd`: a row is the first or the last of the tensor.
  RP_MEMBER void sums(const float* const (&rows)[inputs], int64_t at, bool atEnd, f32v (&sum)[height]) const {
    const int64_t from = at - s.before;
    const float* shifted[inputs];
    if (from >= 0 && from + K - 1 + lanes <= s.width) {
      RP_STEP(inputs) shifted[i] = rows[i] + from;
      addTaps<K>(shifted, weight, Within{}, sum);
      return;
    }
#if defined(RP_ISA_AVX512)
    if (!atEnd) {
      RP_STEP(inputs) shifted[i] = rows[i] + from;
      addTaps<K>(shifted, weight, at < mostEdges * lanes ? edges[at / lanes] : Edge<K>(from, s.width), sum);
      return;
    }
#else
    (void)atEnd;
#endif
    constexpr int wide = lanes + K - 1;
    for (int i = 0; i < inputs; i++) {
      float* const to = strip + i * wide;
      for (int64_t j = 0; j < wide; j++) to[j] = from + j >= 0 && from + j < s.width ? rows[i][from + j] : 0.0f;
      shifted[i] = to;
    }
    addTaps<K>(shifted, weight, Within{}, sum);
  }

  template <bool far>
  RP_MEMBER void block(int64_t top) const {
    const float* rows[inputs];
    RP_UNROLL
    for (int i = 0; i < inputs; i++) {
      const int64_t down = top + i - s.before;
      rows[i] = down >= 0 && down < s.height ? x + down * s.width : zeros;
    }
    const bool atEnd = (first && top <= s.before) || (last && top - s.before + inputs >= s.height);
    const bool more = out.bias || out.scale || out.relu;
    const int count = int(s.outHeight - top < height ? s.outHeight - top : height);
    float* const to = y + top * s.outWidth;
    for (int64_t at = 0; at < s.outWidth; at += lanes) {
      f32v sum[height] = {};
      // what streams comes from memory, four rows at once: more than the hardware foresees
      if (far) RP_STEP(height) __builtin_prefetch(x + (top + i) * s.width + at + floatsAhead);
      sums(rows, at, atEnd, sum);
      const int lanesHere = int(s.outWidth - at < lanes ? s.outWidth - at : lanes);
      if (more) RP_STEP(height) sum[i] = out(sum[i], filter);
      RP_STEP(height) {
        float* const row = to + i * s.outWidth + at;
        if (i < count) {
          if (far) stream(row, sum[i]);
          else give(row, sum[i], lanesHere);
        }
      }
    }
  }
};

template <int K, int height, bool far>
bool depthwise(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  typedef Plane<K, height> P;
  constexpr int64_t strips = P::inputs * (lanes + K - 1);
  if (s.width + 2 * slack + strips > int64_t(scratchFloats)) return false;
  float* const zeros = args.scratch + slack;
  for (int64_t i = 0; i < s.width; i++) zeros[i] = 0;
  const int64_t blocks = (s.outHeight + height - 1) / height;
#if defined(RP_ISA_AVX512)
  Edge<K> edges[mostEdges];
  for (int64_t at = 0; at < s.outWidth && at < mostEdges * lanes; at += lanes) edges[at / lanes] = Edge<K>(at - s.before, s.width);
#endif
  const Span mine = share(s.batch * s.filters * blocks, 1, args.thread, args.threads);
  for (int64_t at = mine.from; at < mine.to;) {
    const int64_t plane = at / blocks, filter = plane % s.filters, channel = plane / s.filters * s.channels + filter / s.groupFilters;
    P p{s, c.out, c.x + channel * s.height * s.width, c.y + plane * s.outputs, filter, channel == 0, channel + 1 == s.batch * s.channels,
        zeros, zeros + s.width + slack,
#if defined(RP_ISA_AVX512)
        edges,
#endif
        {}};
    RP_UNROLL
    for (int i = 0; i < K * K; i++) p.weight[i] = splat(c.w[filter * K * K + i]);
    const int64_t first = at % blocks, end = first + mine.to - at < blocks ? first + mine.to - at : blocks;
    for (int64_t b = first; b < end; b++) p.template block<far>(b * height);
    at += end - first;
  }
  drain(far);
  return true;
}

template <int K>
bool depthwise(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  if (isFar(c.y, s.batch * s.filters * s.outputs, s.outWidth)) return depthwise<K, rowsTogether, true>(args, s, c);
  return depthwise<K, rowsTogether, false>(args, s, c);
}

}  // namespace

bool convDepthwiseRows(const OpArgs& args, const ConvShape& s, const ConvArgs& c) {
  if (s.stride != 1 || s.dilation != 1 || s.width == 0 || (s.padded && !allFinite(c.w, s.filters * s.taps))) return false;
  return s.kernel == 3 ? depthwise<3>(args, s, c) : s.kernel == 5 ? depthwise<5>(args, s, c) : s.kernel == 7 && depthwise<7>(args, s, c);
}

}  // namespace RP_NS
}  // namespace rp
