// Groups of a multiple of 64 elements to four bits for AVX-512: part of quantize.cc.
//
// Zen 4, 768 groups of 128 from L2: 24.7 cycles a group; a loop with these loads and stores and nothing else takes 18.1. Shifts that collect
// nibbles (vpshrdd) would share the pipes of multiply-adds; additions have others.
#pragma once
#include "int8-rows.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)

// Four elements of a lane become one number, 16^3 q3 + 16^2 q2 + 16 q1 + q0: a sum in [2^23, 2^24) times 16^l rounds what is multiplied and
// added to it to a multiple of 16^l, to nearest, ties to even. Between two levels the sum is moved to where the next one rounds so. Every
// constant has a mantissa of 24 bits and is even where something is rounded; in the end the sum is `base` + 16^3 q3 + … + q0, and the low
// half of its bits the four values with 8 added to each.
constexpr float above = 8388608.0f + 4096.0f;
constexpr int32_t base = 0xfc8888;
constexpr float levels[4] = {float(base) - 16 * above, -16 * 15 * above, -256 * 15 * above, 4096 * above};

// Four groups at a time, breadth first: in the order of one group's chain the schedulers' 64 places hold what waits, and nothing that could
// run. `paired`: a vector of results has 64 elements of each of two groups, else 128 of one. `only`: the size, where it is not 0.
constexpr int groups = 4;
typedef float Inverses[groups];
template <bool paired, int64_t only, int64_t ahead, bool vbmi>
struct Int4Groups {
  static constexpr int units = paired ? 2 : 4;
  static constexpr int64_t step = paired ? 64 : 128;
  static constexpr int behind = paired ? 4 : 2;

  const float* x;
  int64_t size;
  uint8_t* q;
  float* scales;

  // What levels[3] is multiplied by; 0 for groups of zeros
  RP_MEMBER void finish(const f32v (&top)[groups], int64_t g, Inverses& inverses) const {
    const __m128 most = largestOfFour(top);
    _mm_storeu_ps(scales + g, _mm_div_ps(most, _mm_set1_ps(7)));
    const __mmask8 some = _mm_cmp_ps_mask(most, _mm_setzero_ps(), _CMP_GT_OQ);
    _mm_storeu_ps(inverses, _mm_maskz_div_ps(some, _mm_set1_ps(4096 * 7), most));
  }

  // The nibbles of two sums a lane as 64 bytes in the order of the elements; groups begin `apart` bytes from one another.
  static RP_MEMBER void pack(f32v (&sums)[units][2], uint8_t* to, int64_t apart) {
    const __m512i swap = _mm512_set1_epi64(0x1c00000004), halves = _mm512_set1_epi64(0x0f0f0f0ff0f0f0f0);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15));
    // both orders in one: 768 x 128 from L2 5.63 us to 5.35, in turn (Emerald Rapids)
    alignas(64) static const uint8_t order[64] = {
        0, 8,  16, 24, 32, 40, 48, 56, 4, 12, 20, 28, 36, 44, 52, 60, 1, 9,  17, 25, 33, 41, 49, 57, 5, 13, 21, 29, 37, 45, 53, 61,
        2, 10, 18, 26, 34, 42, 50, 58, 6, 14, 22, 30, 38, 46, 54, 62, 3, 11, 19, 27, 35, 43, 51, 59, 7, 15, 23, 31, 39, 47, 55, 63};
    alignas(64) static const uint16_t words[32] = {0, 8,  16, 24, 1, 9,  17, 25, 2, 10, 18, 26, 3, 11, 19, 27,
                                                   4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31};
    __m512i v[units], other[units];
    RP_STEP(units) other[i] = _mm512_slli_epi32(__m512i(sums[i][1]), 16);
    // side by side, and no longer 8 too large: the bits above the first are known, and leave with them
    RP_STEP(units) v[i] = _mm512_ternarylogic_epi32(__m512i(sums[i][0]), other[i], _mm512_set1_epi32(int32_t(0x4b7c0000 ^ 0x88888888)), 0x96);
    // a lane has one nibble of each of eight vectors: it takes one half of them for its neighbour's other half
    RP_STEP(units) other[i] = _mm512_rolv_epi32(_mm512_shuffle_epi32(v[i], _MM_PERM_ENUM(0xb1)), swap);
    RP_STEP(units) v[i] = _mm512_ternarylogic_epi64(halves, other[i], v[i], 0xca);
    if (vbmi) {
      RP_STEP(units) v[i] = permutedBytes(_mm512_load_si512(order), v[i]);
    } else {
      RP_STEP(units) v[i] = _mm512_shuffle_epi8(v[i], bytes);
      RP_STEP(units) v[i] = _mm512_permutexvar_epi16(_mm512_load_si512(words), v[i]);
    }
    RP_UNROLL for (int i = 0; i < units; i++) {
      if (paired) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * i * apart), _mm512_castsi512_si256(v[i]));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + (2 * i + 1) * apart), _mm512_extracti64x4_epi64(v[i], 1));
      } else {
        _mm512_storeu_si512(to + i * apart, v[i]);
      }
    }
  }

  // The largest magnitudes of a group, lane by lane. A NaN is passed over, and shows in its sum. Groups are looked at one after another: in
  // turn they take twice as long from memory. `ahead`: how many floats before, where asked, lines are asked for.
  RP_MEMBER f32v topOf(const float* p) const {
    f32v tops[2];
    if (ahead > 0)
      for (int64_t at = 0; at < (only ? only : size); at += line) __builtin_prefetch(p + at + ahead, 0, 2);
    RP_STEP(2) tops[i] = four(p + (only == 128 ? i * 64 : 0));
    for (int64_t at = 64; !only && at < size; at += 64) tops[0] = larger(tops[0], four(p + at));
    return only == 128 ? larger(tops[0], tops[1]) : tops[0];
  }
  static RP_MEMBER f32v four(const float* p) {
    return larger(larger(load(p), load(p + lanes)), larger(load(p + 2 * lanes), load(p + 3 * lanes)));
  }

  // Writes the groups from `to` on and looks for the largest of those from `from` on, either where asked.
  // Returns whether something is not to be written so: not finite, or so small that its inverse is not.
  template <bool writes, bool looks>
  RP_MEMBER bool block(int64_t to, const Inverses& inverses, int64_t from, f32v (&top)[groups]) const {
    // in registers: bytes that are stored could be these members
    const int64_t count = only ? only : size;
    const float *const old = x + to * count, *const next = x + from * count;
    uint8_t* const bytes = q + to * count / 2;
    __m512i unusual = _mm512_setzero_si512();
    if (looks && !only) RP_STEP(groups) top[i] = topOf(next + i * count);
    for (int64_t at = 0; at < count; at += step) {
      f32v sums[units][2], by[groups];
      if (writes) RP_STEP(groups) by[i] = splat(inverses[i]);
      RP_UNROLL for (int level = 3; level >= 0; level--) {
        if (looks && only) top[3 - level] = topOf(next + (3 - level) * only);
        if (!writes) continue;
        RP_STEP(units) RP_UNROLL for (int half = 0; half < 2; half++)
          sums[i][half] = level == 3 ? splat(levels[3]) : sums[i][half] + splat(levels[level]);
        RP_STEP(units) RP_UNROLL for (int half = 0; half < 2; half++) {
          const int k = paired ? 2 * i + half : i;
          sums[i][half] += by[k] * load(old + k * count + at + (paired ? 0 : 64 * half) + level * lanes);
        }
        // a 16th
        RP_STEP(groups) by[i] = fromBits(bitsOf(by[i]) - (4 << 23));
      }
      if (!writes) continue;
      RP_STEP(units) unusual = _mm512_ternarylogic_epi32(unusual, __m512i(sums[i][0]), __m512i(sums[i][1]), 0xfe);
      pack(sums, bytes + at / 2, count / 2);
    }
    return writes && _mm512_test_epi32_mask(unusual, _mm512_set1_epi32(unusualBits)) != 0;
  }
};

// Whole blocks from `first` to `end`; returns the group after them. repair(g, count) writes groups anew.
// What is written was looked at two or four blocks before, since its inverse takes longer to be known than a block to be read. It is in L1
// still.
template <typename K, typename Repair>
inline int64_t quantizeBlocks(const K k, int64_t first, int64_t end, Repair repair) {
  constexpr int64_t behind = K::behind;
  const int64_t blocks = (end - first) / groups;
  Inverses inverses[behind] = {};
  f32v top[groups];
  for (int64_t b = 0; b < blocks + behind; b++) {
    const int64_t g = first + b * groups, before = g - behind * groups;
    auto& its = inverses[b % behind];
    bool unusual = false;
    if (b < behind && b < blocks) k.template block<false, true>(g, its, g, top);
    else if (b >= blocks && b >= behind) unusual = k.template block<true, false>(before, its, before, top);
    else if (b < blocks) unusual = k.template block<true, true>(before, its, g, top);
    if (__builtin_expect(unusual, 0)) repair(before, groups);
    if (b < blocks) k.finish(top, g, its);
  }
  return first + blocks * groups;
}

#endif

}  // namespace RP_NS
}  // namespace rp
