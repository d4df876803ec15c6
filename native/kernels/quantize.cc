// Symmetric quantization and back. dims: groups, elements of each; a group has a scale of its own, largest magnitude / 127 (int4: 7).
#include "../core/cores.h"
#include "decode.h"
#include "int4-groups.h"
#include "int8-rows.h"
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

// To the nearest whole number, ties to even, for values below 2^22: adding 1.5 * 2^23 leaves no room for a fraction.
RP_INLINE f32v nearest(f32v v) { return (v + splat(12582912.0f)) - splat(12582912.0f); }

// `lanes` whole numbers from -128 to 127 as bytes
RP_INLINE void giveBytes(int8_t* p, f32v v, int count) {
  const i32v whole = toInt(v);
#if defined(RP_ISA_AVX512)
  if (count == lanes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(__m512i(whole)));
    return;
  }
#elif defined(RP_ISA_AVX2)
  if (count == lanes) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(__m256i(whole)), _mm256_extracti128_si256(__m256i(whole), 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
    return;
  }
#elif defined(RP_ISA_SSE) || defined(RP_ISA_SSE2)
  if (count == lanes) {
    const __m128i words = _mm_packs_epi32(__m128i(whole), __m128i(whole));
    const int bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
    __builtin_memcpy(p, &bytes, 4);
    return;
  }
#endif
  int32_t lane[lanes];
  __builtin_memcpy(lane, &whole, sizeof lane);
  for (int i = 0; i < count; i++) p[i] = int8_t(lane[i]);
}

#if defined(RP_ISA_AVX512)
// 64 whole numbers from -128 to 127, rounded to nearest, ties to even, as bytes in their order
RP_INLINE __m512i bytesOf(const f32v (&v)[4]) {
  __m512i whole[4];
  RP_STEP(4) whole[i] = _mm512_cvtps_epi32(__m512(v[i]));
  // each quarter then holds four of every vector
  const __m512i mixed = _mm512_packs_epi16(_mm512_packs_epi32(whole[0], whole[1]), _mm512_packs_epi32(whole[2], whole[3]));
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), mixed);
}
#endif

RP_INLINE f32v takeBytes(const int8_t* p, int count) {
#if defined(RP_ISA_AVX512)
  if (count == lanes) return f32v(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
#elif defined(RP_ISA_AVX2)
  if (count == lanes) return f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))));
#endif
  float lane[lanes];
  for (int i = 0; i < lanes; i++) lane[i] = i < count ? float(p[i]) : 0.0f;
  return load(lane);
}

// Magnitudes as integers, which order as the values do, with NaN above infinity: max of floats would lose it.
RP_INLINE i32v largest(i32v a, i32v b) {
#if defined(RP_ISA_AVX512)
  return i32v(_mm512_max_epi32(__m512i(a), __m512i(b)));
#elif defined(RP_ISA_AVX2)
  return i32v(_mm256_max_epi32(__m256i(a), __m256i(b)));
#else
  return a > b ? a : b;
#endif
}
RP_INLINE float largestOf(i32v v) {
  int32_t top;
#if defined(RP_ISA_AVX512)
  top = _mm512_reduce_max_epi32(__m512i(v));
#else
  int32_t lane[lanes];
  __builtin_memcpy(lane, &v, sizeof lane);
  top = lane[0];
  for (int i = 1; i < lanes; i++) top = lane[i] > top ? lane[i] : top;
#endif
  float magnitude;
  __builtin_memcpy(&magnitude, &top, sizeof magnitude);
  return magnitude;
}

// What a group is multiplied by; 0 where its scale is 0, infinite, not a number or so small that its inverse is infinite, all of which quantize to
// zeros.
RP_INLINE float inverseOf(float magnitude, float most) {
  const float inverse = most / magnitude;
  return inverse < __builtin_inff() ? inverse : 0.0f;
}
// 0 for what is not finite times 0
RP_INLINE f32v scaled(f32v v, float inverse) {
  return inverse > 0 ? nearest(v * inverse) : splat(0.0f);
}

// far: what is written passes the caches by.
template <bool far>
struct Rows {
  const float* x;
  int8_t* q;
  float* scales;
  int64_t cols;
  static constexpr bool wide = true, inPlace = false;

  struct Sums {
    i32v top[4];
  };
  struct Facts {
    float inverse;
  };
  RP_MEMBER Sums begin(int64_t) const { return Sums{}; }
  RP_MEMBER void gather(Sums& sums, int k, int64_t r, int64_t i, int n) const {
    sums.top[k] = largest(bitsOf(take(x + r * cols + i, n)) & 0x7fffffff, sums.top[k]);
  }
  RP_MEMBER Facts end(const Sums& sums, int64_t r) const {
    const float magnitude = largestOf(largest(largest(sums.top[0], sums.top[1]), largest(sums.top[2], sums.top[3])));
    scales[r] = magnitude / 127;
    return {inverseOf(magnitude, 127)};
  }
  template <int R, int N>
  RP_MEMBER void emit(const Facts (&facts)[R], int64_t r, int64_t at, int n) const {
    RP_UNROLL for (int k = 0; k < R; k++) {
      const int64_t from = (r + k) * cols + at;
#if defined(RP_ISA_AVX512)
      if (N == 4) {
        f32v v[4];
        takeAll(v, x + from, lanes);
        RP_STEP(4) v[i] = v[i] * facts[k].inverse;
        const __m512i bytes = facts[k].inverse > 0 ? bytesOf(v) : _mm512_setzero_si512();
        if (far) _mm512_stream_si512(reinterpret_cast<__m512i*>(q + from), bytes);
        else _mm512_storeu_si512(q + from, bytes);
        continue;
      }
#endif
      RP_STEP(N) giveBytes(q + from + i * lanes, scaled(take(x + from + i * lanes, n), facts[k].inverse), n);
    }
  }
  RP_MEMBER void ahead(int64_t, int64_t, int) const {}
};

// From memory a row is read while the one before, which is still in L1 or L2, is written. Zen 4, which drops what is asked for while its queue is full, gets
// each line asked for twice. 8192 x 4096, in turn: a row to its end and then its bytes 5.8 ms, so 5.5, without lines asked for 6.4; asked for 8 and 16
// KiB ahead in place of 16 and 32 5.5, 4 and 8 5.4, 2 and 8 6.4; two rows beside two are 10 % slower.
template <bool far>
RP_INLINE void rowBesideRow(const Rows<far>& k, Span rows, int64_t cols) {
  const int64_t whole = cols / (4 * lanes) * (4 * lanes);
  const auto count = [=](int64_t at) { return at + lanes <= cols ? lanes : int(cols - at); };
  typename Rows<far>::Facts facts[1] = {};
  for (int64_t r = rows.from; r <= rows.to; r++) {
    const bool reads = r < rows.to, writes = r > rows.from;
    auto sums = k.begin(r);
    for (int64_t at = 0; at < whole; at += 4 * lanes) {
      if (reads) {
        RP_STEP(4) {
          __builtin_prefetch(k.x + r * cols + at + i * lanes + 4096, 0, 2);
          __builtin_prefetch(k.x + r * cols + at + i * lanes + 8192, 0, 2);
        }
        RP_STEP(4) k.gather(sums, i, r, at + i * lanes, lanes);
      }
      if (writes) k.template emit<1, 4>(facts, r - 1, at, lanes);
    }
    if (writes) for (int64_t at = whole; at < cols; at += lanes) k.template emit<1, 1>(facts, r - 1, at, count(at));
    if (!reads) break;
    for (int64_t at = whole; at < cols; at += lanes) k.gather(sums, 0, r, at, count(at));
    facts[0] = k.end(sums, r);
  }
}

// vbmi: bytes cross lanes by one instruction
template <bool vbmi>
void quantize(const OpArgs& args) {
  const int64_t cols = args.dims[1], count = args.dims[0] * cols;
  const Span mine = share(args.dims[0], line, args.thread, args.threads);
  int8_t* const q = output<int8_t>(args, 0);
  const bool aligned = reinterpret_cast<uintptr_t>(q) % 64 == 0 && cols % 64 == 0;
  const bool distant = size_t(count) * sizeof(float) >= streamedBytes, far = size_t(count) >= streamedBytes && aligned;
  const float* const x = input(args, 0);
  float* const scales = output(args, 1);
#if defined(RP_ISA_AVX512)
  // Zen 4: 96 x 768 from L2 4.6 to 4.3 us; from memory 6.3 to 7.6 ms, so not there
  if ((tunedFor() == Cores::intel || !distant) && cols > 0 && cols % (4 * lanes) == 0) {
    const Int8Rows<vbmi> whole{x, q, scales, cols};
    const auto repair = [=](int64_t r) __attribute__((noinline)) { rowByRow(Rows<false>{x, q, scales, cols}, {r, r + 1}, cols); };
    if (far) quantizeRows<true, true>(whole, mine, repair);
    else if (distant) quantizeRows<false, true>(whole, mine, repair);
    else quantizeRows<false, false>(whole, mine, repair);
    return drain(far);
  }
#endif
  if (far) rowBesideRow(Rows<true>{x, q, scales, cols}, mine, cols);
  else if (distant) rowBesideRow(Rows<false>{x, q, scales, cols}, mine, cols);
  else rowByRow(Rows<false>{x, q, scales, cols}, mine, cols);
  drain(far);
}

void dequantize(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const bool far = isFar(output(args, 0), args.dims[0] * cols, cols);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const int8_t* q = input<int8_t>(args, 0) + r * cols;
    const f32v scale = splat(input(args, 1)[r]);
    const auto body = [=](auto& v, int64_t at, int n) __attribute__((always_inline)) {
      RP_UNROLL for (int i = 0; i < int(sizeof v / sizeof v[0]); i++) v[i] = scale * takeBytes(q + at + i * lanes, n);
    };
    if (far) mapRange<true, 4>(0, cols, output(args, 0) + r * cols, body);
    else mapRange<false, 4>(0, cols, output(args, 0) + r * cols, body);
  }
  drain(far);
}

// --- int4: two signed values a byte, the first in its low half; groups of an even number of elements

// 16 whole numbers from -8 to 7 as 8 bytes
RP_INLINE void giveNibbles(uint8_t* p, const float* values) {
  for (int i = 0; i < 8; i++) p[i] = uint8_t((int32_t(values[2 * i]) & 15) | (int32_t(values[2 * i + 1]) & 15) << 4);
}

// One group of an even number of elements
void quantizeGroup(const float* x, int64_t size, uint8_t* q, float* scale) {
  i32v top[2] = {};
  int64_t i = 0;
  for (; i + 2 * lanes <= size; i += 2 * lanes)
    RP_UNROLL for (int k = 0; k < 2; k++) top[k] = largest(bitsOf(load(x + i + k * lanes)) & 0x7fffffff, top[k]);
  for (; i < size; i += lanes) top[0] = largest(bitsOf(take(x + i, i + lanes <= size ? lanes : int(size - i))) & 0x7fffffff, top[0]);
  const float magnitude = largestOf(largest(top[0], top[1])), inverse = inverseOf(magnitude, 7);
  *scale = magnitude / 7;
  for (i = 0; i + 16 <= size; i += 16) {
#if defined(RP_ISA_AVX512)
    // the odd element of each pair goes to the high half of the even one's byte
    const __m512i whole = __m512i(toInt(scaled(load(x + i), inverse)));
    const __m512i low = _mm512_and_si512(whole, _mm512_set1_epi64(15));
    const __m512i high = _mm512_and_si512(_mm512_srli_epi64(whole, 28), _mm512_set1_epi64(0xf0));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(q + i / 2), _mm512_cvtepi64_epi8(_mm512_or_si512(low, high)));
#else
    float whole[16];
    RP_UNROLL for (int k = 0; k < 16; k += lanes) store(whole + k, scaled(load(x + i + k), inverse));
    giveNibbles(q + i / 2, whole);
#endif
  }
  for (; i < size; i += 2) {
    float pair[2];
    for (int k = 0; k < 2; k++) {
      const float v = x[i + k] * inverse;
      pair[k] = inverse > 0 ? (v + 12582912.0f) - 12582912.0f : 0.0f;
    }
    q[i / 2] = uint8_t((int32_t(pair[0]) & 15) | (int32_t(pair[1]) & 15) << 4);
  }
}

#if defined(RP_ISA_AVX512)
// Blocks of groups; returns the first group that they leave. Lines are asked for `ahead` floats before: Emerald Rapids, 262144 x 128 from
// memory, 17.9 ms for 23.0, reading alone 12.4 (best of 33 turns beside other work; medians 25 % apart).
template <int64_t ahead, bool vbmi, typename Each>
int64_t wholeGroups(const float* x, int64_t size, uint8_t* q, float* scales, Span groups, Each each) {
  if (size == 128) return quantizeBlocks(Int4Groups<false, 128, ahead, vbmi>{x, size, q, scales}, groups.from, groups.to, each);
  if (size == 64) return quantizeBlocks(Int4Groups<true, 64, ahead, vbmi>{x, size, q, scales}, groups.from, groups.to, each);
  if (size > 0 && size % 128 == 0) return quantizeBlocks(Int4Groups<false, 0, ahead, vbmi>{x, size, q, scales}, groups.from, groups.to, each);
  if (size > 0 && size % 64 == 0) return quantizeBlocks(Int4Groups<true, 0, ahead, vbmi>{x, size, q, scales}, groups.from, groups.to, each);
  return groups.from;
}
#endif

template <bool vbmi>
void quantizeInt4(const OpArgs& args) {
  const int64_t size = args.dims[1];
  const Span groups = share(args.dims[0], line, args.thread, args.threads);
  const float* const x = input(args, 0);
  uint8_t* const q = output<uint8_t>(args, 0);
  float* const scales = output(args, 1);
  const auto each = [=](int64_t from, int64_t count) {
    for (int64_t g = from; g < from + count; g++) quantizeGroup(x + g * size, size, q + g * size / 2, scales + g);
  };
  int64_t g = groups.from;
#if defined(RP_ISA_AVX512)
  const bool distant = size_t(args.dims[0]) * size_t(size) * sizeof(float) >= streamedBytes;
  // From memory vpermb brings nothing: with it the same at best and 0 to 2 % slower in the median (Emerald Rapids, 220 turns, 262144 and 786432 groups of 128).
  if (distant && tunedFor() == Cores::intel) g = wholeGroups<2048, false>(x, size, q, scales, groups, each);
  else g = wholeGroups<0, vbmi>(x, size, q, scales, groups, each);
#endif
  each(g, groups.to - g);
}

typedef int64_t Unaligned __attribute__((aligned(1), may_alias));

#if defined(RP_ISA_AVX512)
// 16 N elements. Every byte twice, its high half moved down the second time: the sixteen values that a group can have are looked up.
template <bool far, int N>
RP_INLINE void lookUpGroup(const uint8_t* q, __m512 values, float* out) {
  const __m512i spread = _mm512_setr_epi64(0x0000000000000000, 0x0000000100000001, 0x0000000200000002, 0x0000000300000003,
                                         0x0000000400000004, 0x0000000500000005, 0x0000000600000006, 0x0000000700000007);
  RP_STEP(N) {
    const __m512i eight = _mm512_set1_epi64(*reinterpret_cast<const Unaligned*>(q + i * 8));
    const __m512i index = _mm512_srlv_epi32(_mm512_shuffle_epi8(eight, spread), _mm512_set1_epi64(int64_t(4) << 32));
    put<far>(out + i * 16, f32v(_mm512_permutexvar_ps(index, values)));
  }
}

// Groups of 16 N elements. Zen 4, 64 from L2: 2.4 cycles a line; 2.7 where the size is read from a variable, 3.6 where every line is a turn.
template <bool far, int N>
void lookUpGroups(const uint8_t* q, const float* scales, Span groups, float* out) {
  const __m512 wholes = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
  for (int64_t g = groups.from; g < groups.to; g++)
    lookUpGroup<far, N>(q + g * 8 * N, _mm512_mul_ps(wholes, _mm512_set1_ps(scales[g])), out + g * 16 * N);
  drain(far);
}
#endif

template <bool far>
void dequantizeGroups(const OpArgs& args, Span groups, int64_t size) {
#if defined(RP_ISA_AVX512)
  const __m512 wholes = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
#endif
  const uint8_t* const bytes = input<uint8_t>(args, 0);
  const float* const scales = input(args, 1);
  float* const to = output(args, 0);
#if defined(RP_ISA_AVX512)
  if (size == 32) return lookUpGroups<far, 2>(bytes, scales, groups, to);
  if (size == 64) return lookUpGroups<far, 4>(bytes, scales, groups, to);
  if (size == 128) return lookUpGroups<far, 8>(bytes, scales, groups, to);
#endif
  for (int64_t g = groups.from; g < groups.to; g++) {
    const uint8_t* q = bytes + g * size / 2;
    float* out = to + g * size;
    const float scale = scales[g];
    if (size % 2 != 0) {  // groups begin within a byte
      decode<Int4>(bytes, g * size, size, scale, out);
      continue;
    }
    int64_t i = 0;
#if defined(RP_ISA_AVX512)
    const __m512 values = _mm512_mul_ps(wholes, _mm512_set1_ps(scale));
    for (; i + 64 <= size; i += 64) lookUpGroup<far, 4>(q + i / 2, values, out + i);
    for (; i + 16 <= size; i += 16) lookUpGroup<far, 1>(q + i / 2, values, out + i);
#else
    for (; i + 16 <= size; i += 16) {
      float whole[16];
      for (int k = 0; k < 8; k++) {
        whole[2 * k] = float(int32_t(uint32_t(q[i / 2 + k]) << 28) >> 28);
        whole[2 * k + 1] = float(int32_t(uint32_t(q[i / 2 + k]) << 24) >> 28);
      }
      RP_UNROLL for (int k = 0; k < 16; k += lanes) {
        put<far>(out + i + k, scale * load(whole + k));
      }
    }
#endif
    for (; i < size; i++) out[i] = scale * float(int32_t(uint32_t(q[i / 2]) << (i % 2 ? 24 : 28)) >> 28);
  }
  drain(far);
}

void dequantizeInt4(const OpArgs& args) {
  const int64_t size = args.dims[1];
  const Span groups = share(args.dims[0], 1, args.thread, args.threads);
  if (isFar(output(args, 0), args.dims[0] * size, size)) dequantizeGroups<true>(args, groups, size);
  else dequantizeGroups<false>(args, groups, size);
}

}  // namespace

int quantizeOps(OpKernel* rows) {
  int n = 0;
#if defined(RP_ISA_AVX512)
  rows[n++] = {"quantize", quantize<true>, 2, 1, 2, featureAvx512Vbmi};
  rows[n++] = {"quantize-int4", quantizeInt4<true>, 2, 1, 2, featureAvx512Vbmi};
#endif
  rows[n++] = {"quantize", quantize<false>, 2, 1, 2};
  rows[n++] = {"dequantize-int8", dequantize, 2, 2, 1};
  rows[n++] = {"quantize-int4", quantizeInt4<false>, 2, 1, 2};
  rows[n++] = {"dequantize-int4", dequantizeInt4, 2, 2, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
