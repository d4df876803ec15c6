// Matrix times vector, y[n] = w[n,k] x[k], rows of w side by side in k: f32, f64, bytes, and weights of 8 and 4 bits that are widened in
// registers. Every weight is used once, so that memory decides.
#include "digits-int4.h"

namespace rp {
namespace RP_NS {
namespace {

// Four streams with four vectors of each in turn. A thread's rows are cut into four bands and each stream walks one, so that it goes on
// from row to row where rows side by side would begin anew. Zen 4 from DRAM: 29.8 GB/s, 24.0 without bands, 25.8 with eight bands of two
// vectors (one run, best of 15, other jobs near; why eight are slower was not looked into).
constexpr int streams = 4;
constexpr int unroll = 4;

// Rows of a band of `rows` in S. Long ones have an odd number: streams 128 MiB apart are slower than any other (f64 of
// 8192 x 8192 reached 84 % of reading, of 8192 x 8208 99 %), and the few rows that are left over cost nothing there.
template <int S>
inline int64_t bandOf(int64_t rows) {
  const int64_t band = rows / S;
  return band >= 512 && band % 2 == 0 ? band - 1 : band;
}

// Calls rows(first row, step between the streams' rows, count) with `S` rows or one.
template <int S = streams, typename Rows>
inline void eachRows(const OpArgs& args, int64_t n, Rows rows) {
  const Span mine = share(n, 16, args.thread, args.threads);
  const int64_t band = bandOf<S>(mine.to - mine.from);
  for (int64_t r = 0; r < band; r++) rows(mine.from + r, band, S);
  for (int64_t r = mine.from + band * S; r < mine.to; r++) rows(r, 0, 1);
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

// The sums over lanes of several vectors.
template <typename V, typename T, int S>
RP_INLINE void totalsOf(const V (&v)[S], T (&totals)[S]) {
  each<S>(RP_EACH(s) { totals[s] = sumLanes<V, T>(v[s]); });
}
#if defined(RP_ISA_AVX512)
// Four together by shuffles, no store among them. Emerald Rapids, bytes of 40 x 1024 in L1: 1.1 cycles a line, one after another 1.5.
RP_INLINE void totalsOf(const f32v (&v)[4], float (&totals)[4]) { sumsOf(v, totals); }
RP_INLINE void totalsOf(const f64v (&v)[4], double (&totals)[4]) {
  const __m512d a = __m512d(v[0]), b = __m512d(v[1]), c = __m512d(v[2]), d = __m512d(v[3]);
  const __m512d ab = _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
  const __m512d cd = _mm512_add_pd(_mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d));
  const __m512d all = _mm512_add_pd(_mm512_shuffle_f64x2(ab, cd, 0x88), _mm512_shuffle_f64x2(ab, cd, 0xdd));
  const __m256d low = _mm512_castpd512_pd256(all), high = _mm512_extractf64x4_pd(all, 1);
  _mm256_storeu_pd(totals, _mm256_add_pd(_mm256_permute2f128_pd(low, high, 0x20), _mm256_permute2f128_pd(low, high, 0x31)));
}
RP_INLINE void totalsOf(const i32v (&v)[4], int32_t (&totals)[4]) {
  const __m512i a = __m512i(v[0]), b = __m512i(v[1]), c = __m512i(v[2]), d = __m512i(v[3]);
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(totals), _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}
#endif

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

// out[s * apart] (+)= the first `part` elements of the row w + s * apart * k times x, for s < count
template <typename P, int count>
inline void dots(const typename P::Weight* w, int64_t apart, int64_t k, int64_t part, const typename P::Element* x, typename P::Out* out, bool add) {
  typename P::V sums[count] = {};
  int64_t p = 0;
  for (; p + unroll * P::step <= part; p += unroll * P::step)
    each<count>(RP_EACH(s) { each<unroll>(RP_EACH(u) { P::multiply(sums[s], w + s * apart * k + p + u * P::step, x + p + u * P::step); }); });
  for (; p + P::step <= part; p += P::step) each<count>(RP_EACH(s) { P::multiply(sums[s], w + s * apart * k + p, x + p); });
  typename P::Out totals[count];
  totalsOf(sums, totals);
  each<count>(RP_EACH(s) {
    typename P::Out total = totals[s];
    for (int64_t rest = p; rest < part; rest++) total += P::multiply(w[s * apart * k + rest], x[rest]);
    out[s * apart] = add ? out[s * apart] + total : total;
  });
}

// In caches x is taken in parts that stay in L1 while four rows pass through it: longer ones push it out, and it comes from L2 again as a
// fifth row. From memory that costs nothing, and rows in parts would begin anew in every page.
constexpr int64_t partBytes = 4096;
constexpr int64_t nearBytes = int64_t(1) << 20;
// Rows of so many bytes, whose x stays in L1 for two as for four, come faster in two streams on Zen 4. Bytes of 8192 x 8192, both on one thread:
// 3.9 ms in four, 3.4 in two (66 and 92 % of reading in turn); f32 of 8192 x 8192, whose x is read from L2 for each pair then, 12.4 and 13.7.
constexpr int64_t twoBytes = 8192;

// dims: n, k; x, then w
template <typename P>
void gemv(const OpArgs& args) {
  const int64_t n = args.dims[0], k = args.dims[1];
  const typename P::Element* x = input<typename P::Element>(args, 0);
  const typename P::Weight* w = input<typename P::Weight>(args, 1);
  typename P::Out* y = output<typename P::Out>(args, 0);
  constexpr int64_t size = sizeof(typename P::Weight);
  const bool isNear = n * k * size <= nearBytes * args.threads;
  const int64_t most = isNear && k * size > partBytes ? partBytes / size : k;
  const auto walk = [&](auto bands) {
    constexpr int S = decltype(bands)::value;
    for (int64_t from = 0; from < k || from == 0; from += most) {
      const int64_t part = least(most, k - from);
      eachRows<S>(args, n, [=](int64_t row, int64_t apart, int count) {
        if (count == S) dots<P, S>(w + row * k + from, apart, k, part, x + from, y + row, from > 0);
        else dots<P, 1>(w + row * k + from, apart, k, part, x + from, y + row, from > 0);
      });
      if (k == 0) break;
    }
  };
  if (!isNear && k * size <= twoBytes && tunedFor() != Cores::intel) walk(std::integral_constant<int, 2>());
  else walk(std::integral_constant<int, streams>());
}

// dims: n, k; x, q, scales: one scale for each row of bytes, applied to the row's sum.
template <int count>
inline void dotsInt8(const int8_t* q, int64_t apart, int64_t k, const float* x, const float* scales, float* out) {
  f32v sums[count] = {};
  int64_t p = 0;
  for (; p + 4 * lanes <= k; p += 4 * lanes)
    each<count>(RP_EACH(s) { each<4>(RP_EACH(u) { sums[s] += Int8::at(q + s * apart * k, p + u * lanes) * load(x + p + u * lanes); }); });
  for (; p + lanes <= k; p += lanes) each<count>(RP_EACH(s) { sums[s] += Int8::at(q + s * apart * k, p) * load(x + p); });
  each<count>(RP_EACH(s) {
    float total = sumLanes<f32v, float>(sums[s]);
    for (int64_t rest = p; rest < k; rest++) total += Int8::one(q + s * apart * k, rest) * x[rest];
    out[s * apart] = scales[s * apart] * total;
  });
}

void gemvInt8(const OpArgs& args) {
  const int64_t k = args.dims[1];
  const float* x = input(args, 0);
  const int8_t* q = input<int8_t>(args, 1);
  const float* scales = input(args, 2);
  float* y = output(args, 0);
  eachRows(args, args.dims[0], [=](int64_t row, int64_t apart, int count) {
    if (count == streams) dotsInt8<streams>(q + row * k, apart, k, x, scales + row, y + row);
    else dotsInt8<1>(q + row * k, apart, k, x, scales + row, y + row);
  });
}

// Weights of 4 bits: a vector of 32-bit words holds eight elements in each lane, element e of them in bits 4e to 4e + 3. Lane j of the
// eight vectors that a shift uncovers holds the elements 8j + e, so x is laid out the same way once: of each run of 8 vectors, vector e holds
// the elements 8j + e.
constexpr int run = 8 * lanes;

inline f32v nibbles(i32v words, int e) {
#if defined(RP_ISA_AVX512)
  // the table is looked up by the lowest four bits of a lane
  const __m512 table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
  return f32v(_mm512_permutexvar_ps(_mm512_srli_epi32(__m512i(words), unsigned(4 * e)), table));
#elif defined(RP_ISA_SCALAR)
  return float(int32_t(uint32_t(words) << (28 - 4 * e)) >> 28);
#else
  typedef uint32_t u32v __attribute__((vector_size(RP_BYTES)));
  return __builtin_convertvector(i32v(u32v(words) << (28 - 4 * e)) >> 28, f32v);
#endif
}

// One run of a row: q holds its `run` / 2 bytes.
inline void runOf(f32v& sum, const uint8_t* q, const float* x, const float* scales, int64_t group) {
  const i32v words = loadAs<i32v>(q);
  f32v part = nibbles(words, 0) * load(x);
  RP_UNROLL
  for (int e = 1; e < 8; e++) part += nibbles(words, e) * load(x + e * lanes);
  sum += part * scalesOf(scales, group);
}

// dims: n, k, group; x, q, scales. The group is 32, 64 or 128, and k a multiple of it. `part` elements of each row, whose first is `q`'s.
struct Int4Rows {
  int64_t bytes, groups;  // of a row
  int64_t group, part;
  const float* x;
  bool add;

  template <int count>
  inline void dots(const uint8_t* q, const float* scales, int64_t apart, float* out) const {
    f32v sums[count];
    RP_UNROLL
    for (int s = 0; s < count; s++) sums[s] = f32v{};
    int64_t p = 0;
    for (; p + run <= part; p += run) {
      RP_UNROLL
      for (int s = 0; s < count; s++) {
        __builtin_prefetch(q + s * apart * bytes + p / 2 + 1024);  // Zen 4 from DRAM: 14.1 GB/s, 13.0 without; of bytes it costs
        runOf(sums[s], q + s * apart * bytes + p / 2, x + p, scales + s * apart * groups + p / group, group);
      }
    }
    for (int s = 0; s < count; s++) {
      if (p < part) {
        // the last run is not whole: zeros behind it add nothing
        uint8_t bytesLeft[run / 2] = {};
        float scalesLeft[run / 32 + 1] = {};
        for (int64_t i = 0; i < (part - p) / 2; i++) bytesLeft[i] = q[s * apart * bytes + p / 2 + i];
        for (int64_t i = p / group; i < part / group; i++) scalesLeft[i - p / group] = scales[s * apart * groups + i];
        runOf(sums[s], bytesLeft, x + p, scalesLeft, group);
      }
      out[s * apart] = (add ? out[s * apart] : 0.0f) + sumLanes<f32v, float>(sums[s]);
    }
  }
};

void gemvInt4(const OpArgs& args) {
  const int64_t k = args.dims[1], group = args.dims[2];
  // x as the runs want it, as much of it as the scratch memory holds at a time
  constexpr int64_t most = int64_t(scratchFloats);
  for (int64_t from = 0; from < k || from == 0; from += most) {
    const int64_t part = least(most, k - from);
    float* const x = args.scratch;
    for (int64_t p = 0; p < part; p += run)
      for (int e = 0; e < 8; e++)
        for (int j = 0; j < lanes; j++) x[p + e * lanes + j] = p + 8 * j + e < part ? input(args, 0)[from + p + 8 * j + e] : 0.0f;
    const Int4Rows rows = {k / 2, k / group, group, part, x, from > 0};
    const uint8_t* q = input<uint8_t>(args, 1) + from / 2;
    const float* scales = input(args, 2) + from / group;
    float* y = output(args, 0);
    eachRows(args, args.dims[0], [=](int64_t row, int64_t apart, int count) {
      if (count == streams) rows.dots<streams>(q + row * rows.bytes, scales + row * rows.groups, apart, y + row);
      else rows.dots<1>(q + row * rows.bytes, scales + row * rows.groups, apart, y + row);
    });
  }
}

#if defined(RP_DIGITS)
// From so many bytes of weights on memory gives most of them, and lines are fetched. Zen 4 with 32 MiB of L3, 8 bits, 24 MiB: 5.5 cycles a
// line with fetches and 9.4 without; 16 MiB: 5.2 and 4.3.
constexpr int64_t farBytes = int64_t(20) << 20;

// Rows of a band, each part after part of x there and back: the digits that a row ends with are in L1 when the next row begins with them.
struct There {
  int64_t row = 0, part = 0, step = 1;
  RP_MEMBER bool begins(int64_t parts) const { return part == (step > 0 ? 0 : parts - 1); }
  RP_MEMBER void next(int64_t parts) {
    const bool ends = part + step < 0 || part + step == parts;
    row += ends;
    part += ends ? 0 : step;
    step = ends ? -step : step;
  }
};

// y from rows in digits of x: a thread's rows in bands as above, each row by parts of x. With `fetch` lines are fetched ahead, once or twice.
template <int S, int fetch, typename Q>
inline void byParts(const OpArgs& args, const Q& rows) {
  const int64_t n = args.dims[0], k = args.dims[1];
  float* const y = output(args, 0);
  const Span mine = share(n, 16, args.thread, args.threads);
  const int64_t band = bandOf<S>(mine.to - mine.from), parts = (k + Q::part - 1) / Q::part;
  There now, then;
  if (fetch)
    for (int64_t bytes = 0; bytes < Q::fetchedAhead; bytes += least(k, Q::part) / Q::perByte) then.next(parts);
  for (int64_t from = 0; from < band; from += blockRows) {
    const int64_t to = least(band, from + blockRows);
    // Sums over lanes are taken at the end: in between they would hold up what does not wait for them.
    f32v totals[blockRows][S];
    if (parts == 0) __builtin_memset(totals, 0, sizeof totals);
    for (; now.row < to && parts > 0; now.next(parts), then.next(parts)) {
      // row by row: GCC clears the whole array by `rep stos`. Emerald Rapids, 4 bits, 512 x 1024 from L2: 8.1 cycles a line, and 8.4 so
      if (now.begins(parts)) each<S>(RP_EACH(s) { totals[now.row - from][s] = f32v{}; });
      rows.template add<S, fetch>(totals[now.row - from], mine.from + now.row, band, now.part * Q::part, mine.from + then.row, then.part * Q::part);
    }
    for (int64_t r = from; r < to; r++) {
      float sums[S];
      sumsOf(totals[r - from], sums);
      each<S>(RP_EACH(s) {
        const int64_t row = mine.from + r + s * band;
        y[row] = rows.result(sums[s], row);
      });
    }
  }
  for (int64_t r = mine.from + band * S; r < mine.to; r++) {
    f32v total[1] = {};
    for (int64_t p = 0; p < k; p += Q::part) rows.template add<1, false>(total, r, 0, p, r, p);
    y[r] = rows.result(sumOf(total[0]), r);
  }
}

void gemvInt8Digits(const OpArgs& args) {
  const int64_t k = args.dims[1];
  int8_t* const scratch = reinterpret_cast<int8_t*>(args.scratch);
  const int64_t parts = (k + Int8Digits::part - 1) / Int8Digits::part;
  const Int8Digits rows = {input<int8_t>(args, 1), input(args, 2), k, scratch, reinterpret_cast<float*>(scratch + parts * Int8Digits::bytesOfPart)};
  if (Int8Digits::bytes(k) > int64_t(scratchFloats * sizeof(float)) || !rows.write(input(args, 0))) gemvInt8(args);
  else if (args.dims[0] * k < farBytes) byParts<digitStreams, 0>(args, rows);
  else if (tunedFor() == Cores::intel) byParts<digitStreams, 1>(args, rows);
  else byParts<digitStreams, 2>(args, rows);
}

// Emerald Rapids (260 MiB of L3), 42 to 52 MB fetched into L1: 2 to 6 % slower.
constexpr int64_t nearFrom = int64_t(128) << 20;
template <int G>
inline void int4Digits(const OpArgs& args, const Int4Digits& x) {
  const int64_t bytes = args.dims[0] * (args.dims[1] / 2);
  if (bytes < farBytes) byParts<digitStreams, 0>(args, Int4Parts<G>{x});
  else if (tunedFor() == Cores::intel && bytes >= nearFrom) byParts<digitStreams, 1>(args, Int4Parts<G, true>{x});
  else if (tunedFor() == Cores::intel) byParts<digitStreams, 1>(args, Int4Parts<G>{x});
  else byParts<digitStreams, 2>(args, Int4Parts<G>{x});
}

void gemvInt4Digits(const OpArgs& args) {
  const int64_t k = args.dims[1], group = args.dims[2];
  // digits first: they are loaded by whole lines
  int8_t* const digits = reinterpret_cast<int8_t*>(args.scratch);
  float* const units = reinterpret_cast<float*>(digits + Int4Digits::digitBytes(k));
  float* const sums = units + k / 32 + lanes;
  const Int4Digits x = {input<uint8_t>(args, 1), input(args, 2), input(args, 0), k, group, digits, units, sums};
  if (Int4Digits::bytes(k) > int64_t(scratchFloats * sizeof(float)) || !x.write()) gemvInt4(args);
  else if (group == 32) int4Digits<32>(args, x);
  else if (group == 64) int4Digits<64>(args, x);
  else int4Digits<128>(args, x);
}
#endif

}  // namespace

int gemvOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"gemv", gemv<Plain<float, f32v>>, 2, 2, 1};
  rows[n++] = {"gemv-f64", gemv<Plain<double, f64v>>, 2, 2, 1};
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR) && !defined(RP_ISA_SSE2)
  rows[n++] = {"gemv-int8", gemv<VnniBytes>, 2, 2, 1, featureAvx512Vnni};
#endif
  rows[n++] = {"gemv-int8", gemv<WideBytes>, 2, 2, 1};
#if defined(RP_DIGITS)
  rows[n++] = {"dequantize-int8+gemv", gemvInt8Digits, 2, 3, 1, featureAvx512Vnni};
  rows[n++] = {"dequantize-int4+gemv", gemvInt4Digits, 3, 3, 1, featureAvx512Vnni};
#endif
  rows[n++] = {"dequantize-int8+gemv", gemvInt8, 2, 3, 1};
  rows[n++] = {"dequantize-int4+gemv", gemvInt4, 3, 3, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
