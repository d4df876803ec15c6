// Rows of a multiple of 64 elements to eight bits for AVX-512: part of quantize.cc.
//
// Emerald Rapids has two ports for vectors of 64 bytes, one of which shuffles: what a line costs is the number of its instructions. Masks, maxima,
// conversions and packing were 20 for four lines, here they are 15: 96 x 768 from L2 4.98 us to 4.0, and 14 where one instruction moves bytes across
// lanes (AVX512-VBMI): 4.09 us to 3.92, in turn.
#pragma once
#include "loops.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)

// The larger magnitude; of a number and a NaN the number
RP_INLINE f32v larger(f32v a, f32v b) { return f32v(_mm512_range_ps(__m512(a), __m512(b), 0xb)); }

// Exponents of all floats in [2^23, 2^24) lack these bits; what is not finite has them.
constexpr int32_t unusualBits = 0x30000000;

// Two elements of a lane become one number, 256 q1 + q0: a sum in [2^31, 2^32) rounds what is multiplied and added to it to a multiple of 256, to
// nearest, ties to even; moved down into [2^23, 2^24) it rounds to a whole number. In the end it is `pairs` + 256 q1 + q0, and the low half of its
// bits the two values with 128 added to each.
constexpr float highest = 2147483648.0f + 8388608.0f;
constexpr int32_t pairs = 0xc08080;
constexpr float down = -(highest - float(pairs));

// Byte i of the result is byte index[i] of v. By its name, since the file is compiled for processors without it too.
RP_INLINE __m512i permutedBytes(__m512i index, __m512i v) {
  __m512i moved;
  asm("vpermb %2, %1, %0" : "=v"(moved) : "v"(index), "v"(v));
  return moved;
}

template <bool vbmi>
struct Int8Rows {
  const float* x;
  int8_t* q;
  float* scales;
  int64_t cols;

  // 64 elements from p on, times inverse, as bytes in their order. `unusual` gets bits where something is not finite.
  static RP_MEMBER __m512i bytesOf(const float* p, f32v inverse, f32v inverse256, __m512i& unusual) {
    alignas(64) static const uint8_t order[64] = {0,  4,  8,  12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 1,  5,  9,  13, 17, 21,
                                                  25, 29, 33, 37, 41, 45, 49, 53, 57, 61, 2,  6,  10, 14, 18, 22, 26, 30, 34, 38, 42, 46,
                                                  50, 54, 58, 62, 3,  7,  11, 15, 19, 23, 27, 31, 35, 39, 43, 47, 51, 55, 59, 63};
    const __m512i inLane = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m512i across = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    f32v sums[2];
    RP_STEP(2) sums[i] = inverse256 * load(p + (2 * i + 1) * lanes) + splat(highest);
    RP_STEP(2) sums[i] = sums[i] + splat(down);
    RP_STEP(2) sums[i] = inverse * load(p + 2 * i * lanes) + sums[i];
    const __m512i low = __m512i(sums[0]), high = __m512i(sums[1]);
    unusual = _mm512_ternarylogic_epi32(unusual, low, high, 0xfe);
    // side by side, and no longer 128 too large: the bits above the first are known, and leave with them
    const __m512i all =
        _mm512_ternarylogic_epi32(low, _mm512_slli_epi32(high, 16), _mm512_set1_epi32(int32_t(0x4b400000 ^ 0x80808080)), 0x96);
    if (vbmi) return permutedBytes(_mm512_load_si512(order), all);
    return _mm512_permutexvar_epi32(across, _mm512_shuffle_epi8(all, inLane));
  }

  // Writes row `to`, times inverse[0] and [1], 256 as much, and looks for the largest of row `from` in every lane, either where asked. Returns whether
  // something is not to be written so.
  // `distant`: from memory, where lines are asked for 8 KiB ahead: 8192 x 4096 8.95 ms, 1024 to 8192 floats ahead the same, 512 9.27, none 10.85
  // (Emerald Rapids; reading alone 8.1, a row read to its end and then written 10.8).
  template <bool far, bool distant, bool writes, bool looks>
  RP_MEMBER bool row(int64_t to, float inverse, float inverse256, int64_t from, f32v& largest) const {
    const float *const old = x + to * cols, *const next = x + from * cols;
    int8_t* const bytes = q + to * cols;
    const f32v by = splat(inverse), by256 = splat(inverse256);
    __m512i unusual = _mm512_setzero_si512();
    f32v top[4] = {};  // a maximum takes four cycles: two of them in a chain would last longer than a turn's share of the ports
    for (int64_t at = 0; at < cols; at += 4 * lanes) {
      if (looks && distant) RP_STEP(4) __builtin_prefetch(next + at + i * lanes + 2048, 0, 2);
      if (looks) RP_STEP(4) top[i] = larger(top[i], load(next + at + i * lanes));
      if (!writes) continue;
      const __m512i v = bytesOf(old + at, by, by256, unusual);
      if (far) _mm512_stream_si512(reinterpret_cast<__m512i*>(bytes + at), v);
      else _mm512_storeu_si512(bytes + at, v);
    }
    if (looks) largest = larger(larger(top[0], top[1]), larger(top[2], top[3]));
    return writes && _mm512_test_epi32_mask(unusual, _mm512_set1_epi32(unusualBits)) != 0;
  }
};

// The largest of the lanes of each of four vectors of positive floats
RP_INLINE __m128 largestOfFour(const f32v* v) {
  const __m512i a = __m512i(v[0]), b = __m512i(v[1]), c = __m512i(v[2]), d = __m512i(v[3]);
  // four groups side by side in every quarter, then one quarter of all
  const __m512i ab = _mm512_max_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_max_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i all = _mm512_max_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_max_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_castsi128_ps(_mm_max_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

// Short rows end by four, whose largest and inverses are found at once: the end of a row is 4 instructions and not 11. Emerald Rapids, 96 x 768 in turn, 3.89 us
// to 3.79 from L2, 38.5 to 35.5 ns a row in L1. Of long ones fewer stay in L1 until they are written.
// What is written was looked at `behind` rows before, so that nothing waits for its inverse; it is in L1 still. repair(r) writes a row anew.
template <bool far, bool distant, bool vbmi, typename Repair>
inline void quantizeRows(const Int8Rows<vbmi> k, Span rows, Repair repair) {
  constexpr int64_t slots = 16;
  const int64_t wanted = 1024 / k.cols, together = wanted < 1 ? 1 : 4, behind = together == 1 ? 1 : 4 + (wanted > 8 ? 8 : wanted);
  float inverses[slots + 3] = {}, inverses256[slots + 3] = {};  // four are stored at once, of single rows from any slot
  f32v largest[4] = {};
  for (int64_t i = 0; i < rows.to - rows.from + behind; i++) {
    const int64_t r = rows.from + i, before = r - behind, slot = (i - behind) % slots;
    const bool looks = r < rows.to, writes = before >= rows.from;
    f32v& its = largest[i % together];
    bool unusual = false;
    if (looks && writes) unusual = k.template row<far, distant, true, true>(before, inverses[slot], inverses256[slot], r, its);
    else if (looks) k.template row<far, distant, false, true>(r, 0, 0, r, its);
    else if (writes) unusual = k.template row<far, distant, true, false>(before, inverses[slot], inverses256[slot], before, its);
    if (__builtin_expect(unusual, 0)) repair(before);
    if (!looks || (i % together != together - 1 && r + 1 < rows.to)) continue;
    const int64_t first = i / together * together;
    const __m128 most = largestOfFour(largest);
    const __mmask8 some = _mm_cmp_ps_mask(most, _mm_setzero_ps(), _CMP_GT_OQ);
    const __m128 by = _mm_maskz_div_ps(some, _mm_set1_ps(127), most);
    _mm_mask_storeu_ps(k.scales + rows.from + first, __mmask8((2 << (i - first)) - 1), _mm_div_ps(most, _mm_set1_ps(127)));
    _mm_storeu_ps(inverses + first % slots, by);
    _mm_storeu_ps(inverses256 + first % slots, _mm_mul_ps(by, _mm_set1_ps(256)));
  }
}

#endif

}  // namespace RP_NS
}  // namespace rp
