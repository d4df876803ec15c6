// Matrix times vector, y[n] = w[n,k] x[k], rows of w side by side in k: f32, f64, bytes, and weights of 8 and 4 bits that are widened in
// registers. Every weight is used once, so that memory decides.
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

// Four streams with four vectors of each in turn. A thread's rows are cut into four bands and each stream walks one, so that it goes on
// from row to row where rows side by side would begin anew. Zen 4 from DRAM: 29.8 GB/s, 24.0 without bands, 25.8 with eight bands, whose
// lines fall into one set of L1.
constexpr int streams = 4;
constexpr int unroll = 4;

// Calls rows(first row, step between the streams' rows, count) with `streams` rows or one.
template <typename Rows>
inline void eachRows(const OpArgs& args, int64_t n, Rows rows) {
  const Span mine = share(n, 16, args.thread, args.threads);
  const int64_t band = (mine.to - mine.from) / streams;
  for (int64_t r = 0; r < band; r++) rows(mine.from + r, band, streams);
  for (int64_t r = mine.from + band * streams; r < mine.to; r++) rows(r, 0, 1);
}

// In pieces of 16 B first: sixteen additions one after another take longer than a short row.
template <typename V, typename T>
inline T sumLanes(V v) {
  constexpr int count = sizeof(V) / sizeof(T);
  T lane[count], total = 0;
#if !defined(RP_ISA_SCALAR)
  typedef T Piece __attribute__((vector_size(16)));
  constexpr int piece = 16 / sizeof(T);
  storeAs(lane, v);
  Piece sum = loadAs<Piece>(lane);
  for (int i = piece; i < count; i += piece) sum += loadAs<Piece>(lane + i);
  storeAs(lane, sum);
  for (int i = 0; i < piece; i++) total += lane[i];
#else
  storeAs(lane, v);
  for (int i = 0; i < count; i++) total += lane[i];
#endif
  return total;
}

// A kind of weights: multiply(sums, row, at, x) adds a vector's products; `step` elements are one vector.
template <typename T, typename Vector>
struct Plain {
  typedef Vector V;
  typedef T Weight;
  typedef T Element;
  typedef T Out;
  static constexpr int step = sizeof(V) / sizeof(T);
  static inline void multiply(V& sum, const T* w, const T* x) { sum += loadAs<V>(w) * loadAs<V>(x); }
  static inline T multiply(T w, T x) { return w * x; }
};

#if defined(RP_ISA_SCALAR)
typedef int32_t Sums;
#else
typedef i32v Sums;
#endif
struct PlainBytes {
  typedef Sums V;
  typedef int8_t Weight;
  typedef uint8_t Element;
  typedef int32_t Out;
  static inline int32_t multiply(int8_t w, uint8_t x) { return int32_t(w) * int32_t(x); }
};
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR) && !defined(RP_ISA_SSE2)
struct VnniBytes : PlainBytes {
  static constexpr int step = RP_BYTES;
  using PlainBytes::multiply;
  static inline void multiply(V& sum, const int8_t* w, const uint8_t* x) {
    __asm__("vpdpbusd %1, %2, %0" : RP_INOUT(sum) : RP_IN(loadAs<V>(w)), RP_IN(loadAs<V>(x)));
  }
};
#endif
// Without it products of 16 bits in pairs, where the instruction set widens a vector of bytes.
struct WideBytes : PlainBytes {
  using PlainBytes::multiply;
#if defined(RP_ISA_AVX512)
  static constexpr int step = 32;
  static inline void multiply(V& sum, const int8_t* w, const uint8_t* x) {
    sum += V(_mm512_madd_epi16(_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w))),
                               _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)))));
  }
#elif defined(RP_ISA_AVX2)
  static constexpr int step = 16;
  static inline void multiply(V& sum, const int8_t* w, const uint8_t* x) {
    sum += V(_mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w))),
                               _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)))));
  }
#elif defined(__x86_64__) && !defined(RP_ISA_SCALAR)
  static constexpr int step = 16;
  static inline void multiply(V& sum, const int8_t* w, const uint8_t* x) {
    const __m128i a = loadAs<__m128i>(w), b = loadAs<__m128i>(x), zero = _mm_setzero_si128(), sign = _mm_cmpgt_epi8(zero, a);
    sum += V(_mm_madd_epi16(_mm_unpacklo_epi8(a, sign), _mm_unpacklo_epi8(b, zero)));
    sum += V(_mm_madd_epi16(_mm_unpackhi_epi8(a, sign), _mm_unpackhi_epi8(b, zero)));
  }
#else
  static constexpr int step = sizeof(Sums) / 4;
  static inline void multiply(V& sum, const int8_t* w, const uint8_t* x) {
    int32_t lane[step];
    for (int e = 0; e < step; e++) lane[e] = int32_t(w[e]) * int32_t(x[e]);
    sum += loadAs<V>(lane);
  }
#endif
};

// out[s * apart] = (w + s * apart * k) x for s < count
template <typename P, int count>
inline void dots(const typename P::Weight* w, int64_t apart, int64_t k, const typename P::Element* x, typename P::Out* out) {
  typename P::V sums[count];
  RP_UNROLL
  for (int s = 0; s < count; s++) sums[s] = typename P::V{};
  int64_t p = 0;
  for (; p + unroll * P::step <= k; p += unroll * P::step) {
    RP_UNROLL
    for (int s = 0; s < count; s++) {
      RP_UNROLL
      for (int u = 0; u < unroll; u++) P::multiply(sums[s], w + s * apart * k + p + u * P::step, x + p + u * P::step);
    }
  }
  for (; p + P::step <= k; p += P::step) {
    RP_UNROLL
    for (int s = 0; s < count; s++) P::multiply(sums[s], w + s * apart * k + p, x + p);
  }
  for (int s = 0; s < count; s++) {
    typename P::Out total = sumLanes<typename P::V, typename P::Out>(sums[s]);
    for (int64_t rest = p; rest < k; rest++) total += P::multiply(w[s * apart * k + rest], x[rest]);
    out[s * apart] = total;
  }
}

// dims: n, k; x, then w
template <typename P>
void gemv(const OpArgs& args) {
  const int64_t k = args.dims[1];
  const typename P::Element* x = input<typename P::Element>(args, 0);
  const typename P::Weight* w = input<typename P::Weight>(args, 1);
  typename P::Out* y = output<typename P::Out>(args, 0);
  eachRows(args, args.dims[0], [=](int64_t row, int64_t apart, int count) {
    if (count == streams) dots<P, streams>(w + row * k, apart, k, x, y + row);
    else dots<P, 1>(w + row * k, apart, k, x, y + row);
  });
}

// Weights of 4 or 8 bits against f32. A vector of 32-bit words holds 8 or 4 elements in each lane; lane j of the e-th vector that a mask
// uncovers is element j * 8 + e (or j * 4 + e) of a run, so x is laid out that way once. The uncovered bits become a float in place, as the
// low bits of 2^23 + u with u = q + 2^(bits - 1) shifted by their place; taking the known part away leaves q * 2^place exactly, and x is
// multiplied by 2^-place beforehand. An and-xor, a subtraction and an FMA per vector, on different ports of Zen 4: 1.6 cycles for 16
// weights, where shift, table and FMA take 2 and widening and conversion 2.1.
template <int bits>
struct Words {
  static constexpr int each = 32 / bits;  // elements of a word
  static constexpr int run = each * lanes;
  static constexpr int64_t bytes = int64_t(run) * bits / 8;
  // How far the words are shifted for element e, and where its bits stand then: below bit 23.
  static constexpr int shift(int e) { return bits == 4 ? (e < 5 ? 0 : 12) : (e < 2 ? 0 : 16); }
  static constexpr int place(int e) { return bits * e - shift(e); }

  static inline f32v uncovered(i32v words, int e) {
    const int32_t mask = ((1 << bits) - 1) << place(e), half = (1 << (bits - 1)) << place(e);
    const i32v whole = (words & mask) ^ (0x4b000000 | half);
    return fromBits(whole) - float(8388608 + half);
  }
  // The products of one run of a row.
  static inline f32v dot(const void* q, const float* x) {
    const i32v words = loadAs<i32v>(static_cast<const uint8_t*>(q));
    // an arithmetic shift: the sign that comes in lies above what is uncovered
    const i32v high = words >> shift(each - 1);
    f32v sum = uncovered(words, 0) * load(x);
    RP_UNROLL
    for (int e = 1; e < each; e++) sum += uncovered(shift(e) ? high : words, e) * load(x + e * lanes);
    return sum;
  }
  // `count` elements of x as the runs want them, zeros behind the last.
  static inline void layOut(const float* x, int64_t count, float* to) {
    for (int64_t p = 0; p < count; p += run)
      for (int e = 0; e < each; e++) {
        const float factor = 1.0f / float(1 << place(e));
        for (int j = 0; j < lanes; j++) to[p + e * lanes + j] = p + each * j + e < count ? x[p + each * j + e] * factor : 0.0f;
      }
  }
};

// Scales of the lanes of a run of 4 bits: a group covers group / 8 lanes.
inline f32v scalesOf(const float* scales, int64_t group) {
  if (group >= Words<4>::run) return splat(scales[0]);
#if defined(RP_ISA_AVX512)
  if (group == 32) return f32v(_mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3),
                                                     _mm512_castps128_ps512(_mm_loadu_ps(scales))));
  return f32v(_mm512_mask_blend_ps(0xff00, _mm512_set1_ps(scales[0]), _mm512_set1_ps(scales[1])));
#else
  float lane[lanes];
  for (int j = 0; j < lanes; j++) lane[j] = scales[j / (group / 8)];
  return load(lane);
#endif
}

// `part` elements of each row against x, both beginning at the same element of k. Bytes have one scale for a row, elements of 4 bits one for
// each group of 32, 64 or 128, which divides k and `part`.
template <int bits>
struct Quantized {
  typedef Words<bits> W;
  int64_t rowBytes, rowScales, group, part;
  const float* x;
  bool add;

  template <int count>
  inline void dots(const uint8_t* q, const float* scales, int64_t apart, float* out) const {
    f32v sums[count];
    RP_UNROLL
    for (int s = 0; s < count; s++) sums[s] = f32v{};
    const auto runOf = [&](f32v& sum, const uint8_t* bytes, int64_t p, const float* scale) {
      if constexpr (bits == 4) sum += W::dot(bytes, x + p) * scalesOf(scale, group);
      else sum += W::dot(bytes, x + p);
    };
    int64_t p = 0;
    for (; p + W::run <= part; p += W::run) {
      const int64_t at = bits == 4 ? p / group : 0;
      RP_UNROLL
      for (int s = 0; s < count; s++) runOf(sums[s], q + s * apart * rowBytes + p * bits / 8, p, scales + s * apart * rowScales + at);
    }
    for (int s = 0; s < count; s++) {
      const float* const own = scales + s * apart * rowScales;
      if (p < part) {
        // the last run is not whole: zeros behind it add nothing
        uint8_t bytesLeft[W::bytes] = {};
        float scalesLeft[W::run / 32 + 1] = {};
        for (int64_t i = 0; i < (part - p) * bits / 8; i++) bytesLeft[i] = q[s * apart * rowBytes + p * bits / 8 + i];
        for (int64_t i = p / group; bits == 4 && i < part / group; i++) scalesLeft[i - p / group] = own[i];
        runOf(sums[s], bytesLeft, p, scalesLeft);
      }
      const float total = sumLanes<f32v, float>(sums[s]);
      out[s * apart] = (add ? out[s * apart] : 0.0f) + (bits == 4 ? total : own[0] * total);
    }
  }
};

// dims: n, k and, of 4 bits, the group; x, q, scales
template <int bits>
void quantizedGemv(const OpArgs& args) {
  const int64_t k = args.dims[1], group = bits == 4 ? args.dims[2] : k;
  // x is laid out in scratch, as much of it at a time as that holds: whole runs and groups
  constexpr int64_t most = int64_t(scratchFloats);
  for (int64_t from = 0; from < k || from == 0; from += most) {
    const int64_t part = least(most, k - from);
    Words<bits>::layOut(input(args, 0) + from, part, args.scratch);
    const Quantized<bits> rows = {k * bits / 8, bits == 4 ? k / group : 1, group, part, args.scratch, from > 0};
    const uint8_t* q = input<uint8_t>(args, 1) + from * bits / 8;
    const float* scales = input(args, 2) + (bits == 4 ? from / group : 0);
    float* y = output(args, 0);
    eachRows(args, args.dims[0], [=](int64_t row, int64_t apart, int count) {
      const uint8_t* first = q + row * rows.rowBytes;
      if (count == streams) rows.template dots<streams>(first, scales + row * rows.rowScales, apart, y + row);
      else rows.template dots<1>(first, scales + row * rows.rowScales, apart, y + row);
    });
  }
}

}  // namespace

int gemvOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"gemv", gemv<Plain<float, f32v>>, 2, 2, 1};
  rows[n++] = {"gemv-f64", gemv<Plain<double, f64v>>, 2, 2, 1};
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR) && !defined(RP_ISA_SSE2)
  rows[n++] = {"gemv-int8", gemv<VnniBytes>, 2, 2, 1, featureAvx512Vnni};
#endif
  rows[n++] = {"gemv-int8", gemv<WideBytes>, 2, 2, 1};
  rows[n++] = {"dequantize-int8+gemv", quantizedGemv<8>, 2, 3, 1};
  rows[n++] = {"dequantize-int4+gemv", quantizedGemv<4>, 3, 3, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
