// Matrix times vector with weights of 4 bits by products of bytes (digits.h): nothing is unpacked. A vector of weights as it lies in memory,
// B, and the same shifted left by four bits in lanes of 32, S, are two combinations of the weights; products with three digits each of
// numbers that make up for it are the products with x. With n the weights and 8 more, byte j of a lane has B = 16 n[2j + 1] + n[2j] and
// S = 16 n[2j] + n[2j - 1], the last of which is none for j = 0. So sum a[j] B[j] + c[j] S[j] is 16 sum n[i] x[i] where, for y = c[0], a[0], c[1], a[1] ...,
// 16 y[i] + y[i + 1] = 16 x[i]: from the end on, y[i] = x[i] - y[i + 1] / 16.
//
// Zen 4, weights in L1: 7.6 cycles a line where taking the halves apart takes 9.0, of which products and scaling are 7.
#pragma once
#include "digits.h"

#if defined(RP_DIGITS)
namespace rp {
namespace RP_NS {
namespace {

// Elements of a lane's four bytes.
constexpr int octet = 8;

RP_INLINE void makeZero(i32v& v) {
#if defined(RP_ISA_AVX512)
  __asm__ volatile("vpxord %x0, %x0, %x0" : "=v"(v));
#else
  __asm__ volatile("vpxor %x0, %x0, %x0" : "=x"(v));
#endif
}

// e[i]: element i of the octet of each lane, of as many octets as there are lanes.
RP_INLINE void octets(const float* x, f32v (&e)[octet]) {
#if defined(RP_ISA_AVX512)
#define RP_WIDE(op) _mm512_##op
  // of the quarters of a vector each is a transposition of its own
  const auto four = [](const float* p) __attribute__((always_inline)) {
    const __m512 two = _mm512_insertf32x4(_mm512_castps128_ps512(_mm_loadu_ps(p)), _mm_loadu_ps(p + 32), 1);
    return _mm512_insertf32x4(_mm512_insertf32x4(two, _mm_loadu_ps(p + 64), 2), _mm_loadu_ps(p + 96), 3);
  };
#elif defined(RP_ISA_AVX2)
#define RP_WIDE(op) _mm256_##op
  const auto four = [](const float* p) __attribute__((always_inline)) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + 32), 1);
  };
#else
#define RP_WIDE(op) _mm_##op
  const auto four = [](const float* p) __attribute__((always_inline)) { return _mm_loadu_ps(p); };
#endif
  RP_UNROLL for (int h = 0; h < octet; h += 4) {
    const auto a = four(x + h), b = four(x + 8 + h), c = four(x + 16 + h), d = four(x + 24 + h);
    const auto ab = RP_WIDE(unpacklo_ps)(a, b), cd = RP_WIDE(unpacklo_ps)(c, d);
    const auto above = RP_WIDE(unpackhi_ps)(a, b), after = RP_WIDE(unpackhi_ps)(c, d);
    e[h] = f32v(RP_WIDE(shuffle_ps)(ab, cd, 0x44));
    e[h + 1] = f32v(RP_WIDE(shuffle_ps)(ab, cd, 0xee));
    e[h + 2] = f32v(RP_WIDE(shuffle_ps)(above, after, 0x44));
    e[h + 3] = f32v(RP_WIDE(shuffle_ps)(above, after, 0xee));
  }
#undef RP_WIDE
}

struct Int4Digits {
  static constexpr int perByte = 2;
  static constexpr int64_t run = 2 * RP_BYTES;
  static constexpr int64_t part = partVectors * run;
  // x is written by so many elements: whole groups
  static constexpr int64_t block = 128;
  static constexpr int numbers = 3;

  const uint8_t* q;
  const float* scales;
  const float* x;
  int64_t k, group;
  // for every vector of weights, from the highest digit on, those of a and those of c
  int8_t* digits;
  float* units;  // of each group: what one is of the sums of products
  float* sums;   // of each group: what sums of products have too much because weights from -8 to 7 are taken as 0 to 15

  static RP_MEMBER int64_t digitBytes(int64_t k) { return numbers * ((k + block - 1) / block * block); }
  // Bytes for k elements: digits, units, sums.
  static RP_MEMBER int64_t bytes(int64_t k) { return digitBytes(k) + 2 * int64_t(sizeof(float)) * (k / 32 + lanes); }

  // A group's largest number becomes three digits of 127, and the larger of what is positive and what is negative in an octet at most 1 / bySign
  // times as much: 15 * 16 of it, and rounding, stay below 2^31.
  static constexpr float most = 0x7f7f00, bySign = 0.934f;
  static constexpr int32_t leastBits = 0x12800000, infinityBits = 0x7f800000;  // 2^-90

  static constexpr int runs = block / run;

  // Whether x can be written so.
  inline bool write() const {
    for (int64_t p = 0; p < k; p += block) {
      const int64_t count = least(block, k - p);
      float rest[block];
      if (count < block) {
        __builtin_memset(rest, 0, sizeof rest);
        __builtin_memcpy(rest, x + p, sizeof(float) * size_t(count));
      }
      const float* const from = count < block ? rest : x + p;
      f32v e[runs][octet], factors[runs];
      i32v totals[runs], firsts[runs];
      RP_UNROLL for (int r = 0; r < runs; r++) {
        octets(from + r * run, e[r]);
        f32v sum = {}, sizes = {};
        RP_UNROLL for (int i = 0; i < octet; i++) {
          sum += e[r][i];
          sizes += sizeOf(e[r][i]);
        }
        // as whole numbers, which put NaN above infinity
        i32v largest = bitsOf((sizes + sizeOf(sum)) * (0.5f * bySign));
        RP_UNROLL for (int i = octet - 1; i >= 0; i--) {
          if (i < octet - 1) e[r][i] -= e[r][i + 1] * 0.0625f;
          const i32v bits = bitsOf(e[r][i]) & 0x7fffffff;
          largest = bits > largest ? bits : largest;
        }
        factors[r] = fromBits(largest);
      }
      if (!writeUnits(factors, p / group, int(count / group))) return false;
      RP_UNROLL for (int r = 0; r < runs; r++) {
        i32v whole[octet];
        totals[r] = i32v{};
        RP_UNROLL for (int i = 0; i < octet; i++) {
          whole[i] = nearest(e[r][i] * factors[r]);
          totals[r] += whole[i];
        }
        firsts[r] = whole[0];
        int8_t* const to = digits + numbers * (p + r * run);
        writeBytes(whole[1], whole[3], whole[5], whole[7], to);
        writeBytes(whole[0], whole[2], whole[4], whole[6], to + RP_BYTES);
      }
      writeSums(totals, firsts, p / group, int(count / group));
    }
    return true;
  }

#if defined(RP_ISA_AVX512)
  // Of each lane and the others of its group: join() of all.
  template <typename Join>
  RP_MEMBER __m512i overGroup(__m512i v, Join join) const {
    v = join(v, _mm512_shuffle_epi32(v, _MM_PERM_ENUM(0xb1)));
    v = join(v, _mm512_shuffle_epi32(v, _MM_PERM_ENUM(0x4e)));
    if (group >= 64) v = join(v, _mm512_shuffle_i32x4(v, v, 0xb1));
    return group == 128 ? join(v, _mm512_shuffle_i32x4(v, v, 0x4e)) : v;
  }
  // One value of each of at most four groups; behind the last some that the next block writes.
  RP_MEMBER void storeGroups(float* to, __m512 v) const {
    const int apart = int(group / octet);
    _mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_permutexvar_ps(_mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), _mm512_set1_epi32(apart)), v)));
  }
  // What is largest in octets becomes factors; false where one cannot be written. NaN is above infinity, as whole numbers.
  RP_MEMBER bool writeUnits(f32v (&sizes)[runs], int64_t g, int) const {
    const __m512i all = overGroup(__m512i(sizes[0]), [](__m512i a, __m512i b) __attribute__((always_inline)) { return _mm512_max_epi32(a, b); });
    const __mmask16 some = _mm512_test_epi32_mask(all, all);
    const __mmask16 unwritable = _mm512_mask_cmpge_epu32_mask(some, _mm512_sub_epi32(all, _mm512_set1_epi32(leastBits)), _mm512_set1_epi32(infinityBits - leastBits));
    sizes[0] = f32v(_mm512_maskz_div_ps(some, _mm512_set1_ps(most), __m512(all)));
    storeGroups(units + g, _mm512_mul_ps(__m512(all), _mm512_set1_ps(1 / (16 * most))));
    return !unwritable;
  }
  RP_MEMBER void writeSums(const i32v (&totals)[runs], const i32v (&firsts)[runs], int64_t g, int) const {
    const auto add = [](__m512i a, __m512i b) __attribute__((always_inline)) { return _mm512_add_epi32(a, b); };
    const __m512 sum = _mm512_cvtepi32_ps(overGroup(__m512i(totals[0]), add)), first = _mm512_cvtepi32_ps(overGroup(__m512i(firsts[0]), add));
    storeGroups(sums + g, _mm512_fmsub_ps(_mm512_set1_ps(8 * 17), sum, _mm512_mul_ps(_mm512_set1_ps(8), first)));
  }
#else
  RP_MEMBER bool writeUnits(f32v (&sizes)[runs], int64_t g, int count) const {
    int32_t lane[block / octet];
    float factor[block / octet] = {};
    RP_UNROLL for (int r = 0; r < runs; r++) storeAs(lane + r * lanes, bitsOf(sizes[r]));
    const int64_t octetsOf = group / octet;
    for (int64_t i = 0; i < count; i++) {
      int32_t bits = 0;
      for (int64_t j = i * octetsOf; j < (i + 1) * octetsOf; j++) bits = lane[j] > bits ? lane[j] : bits;
      float largest;
      __builtin_memcpy(&largest, &bits, sizeof largest);
      if (!isWritable(largest)) return false;
      units[g + i] = largest * (1 / (16 * most));
      for (int64_t j = i * octetsOf; j < (i + 1) * octetsOf; j++) factor[j] = largest > 0 ? most / largest : 0.0f;
    }
    RP_UNROLL for (int r = 0; r < runs; r++) sizes[r] = load(factor + r * lanes);
    return true;
  }
  RP_MEMBER void writeSums(const i32v (&totals)[runs], const i32v (&firsts)[runs], int64_t g, int count) const {
    int32_t total[block / octet], first[block / octet];
    RP_UNROLL for (int r = 0; r < runs; r++) {
      storeAs(total + r * lanes, totals[r]);
      storeAs(first + r * lanes, firsts[r]);
    }
    const int64_t octetsOf = group / octet;
    for (int64_t i = 0; i < count; i++) {
      int64_t sum = 0;
      for (int64_t j = i * octetsOf; j < (i + 1) * octetsOf; j++) sum += int64_t(17) * total[j] - first[j];
      sums[g + i] = 8 * float(sum);
    }
  }
#endif
  static RP_MEMBER f32v sizeOf(f32v v) { return fromBits(bitsOf(v) & 0x7fffffff); }
  static RP_MEMBER i32v nearest(f32v y) {
#if defined(RP_ISA_AVX512)
    return i32v(_mm512_cvtps_epi32(__m512(y)));
#elif defined(RP_ISA_AVX2)
    return i32v(_mm256_cvtps_epi32(__m256(y)));
#else
    return i32v(_mm_cvtps_epi32(__m128(y)));
#endif
  }
  // Digit d, from -128 to 127, of four numbers as bytes of a lane, the highest digit first, `run` bytes from one to the next.
  static RP_MEMBER void writeBytes(i32v n0, i32v n1, i32v n2, i32v n3, int8_t* to) {
    // half of 256 to each digit but the highest carries what is below zero, and flipping the same bits takes it back
    constexpr int half = 0x00008080;
    constexpr int32_t even = 0x00ff00ff;
    const u32v a = u32v(((n0 + half) ^ half)), b = u32v((n1 + half) ^ half), c = u32v((n2 + half) ^ half), d = u32v((n3 + half) ^ half);
    const u32v ab = (a & even) | ((b << 8) & ~even), cd = (c & even) | ((d << 8) & ~even);
    const u32v abOdd = ((a >> 8) & even) | (b & ~even), cdOdd = ((c >> 8) & even) | (d & ~even);
    storeAs(to, (ab >> 16) | (cd & 0xffff0000));
    storeAs(to + run, (abOdd & 0xffff) | (cdOdd << 16));
    storeAs(to + 2 * run, (ab & 0xffff) | (cd << 16));
  }

  // A row whose scales are not all finite, as the reference has it.
  inline float plain(int64_t row) const {
    float total = 0;
    for (int64_t i = 0; i < k; i++) total += scales[(row * k + i) / group] * Int4::one(q + row * (k / 2), i) * x[i];
    return total;
  }
  inline float result(float total, int64_t row) const { return total == total ? total : plain(row); }
};

// near: lines are fetched into L1, less far ahead. Emerald Rapids, 65536 x 8192 weights: 89 to 91 % of reading, on two threads 89 to 92; with their scales
// asked for too the same.
// With a `fetch` of 2 each line once more, 2 KiB ahead: Zen 4 drops what is asked for while its queue is full. 16384 x 8192, p10 in one process in turn: 3.49
// to 3.19 ms, two threads 2.07 to 1.91; 512 B ahead 3.84, 1 KiB 3.45, 3 KiB 3.21.
template <int G, bool near = false>
struct Int4Parts : Int4Digits {
  static constexpr int64_t fetchedAhead = near ? 4096 : 8192;
  static constexpr int64_t inVector = run > G ? run / G : 1;  // groups of a vector of weights

  // Adds the part of x from p on times rows `apart` one from the other, the first of them `row`; with `fetch` those that come next
  // are fetched meanwhile.
  template <int count, int fetch>
  RP_MEMBER void add(f32v* totals, int64_t row, int64_t apart, int64_t p, int64_t nextRow, int64_t nextP) const {
    const int64_t size = k - p < part ? k - p : part, step = apart * (k / 2);
    const uint8_t* w = q + row * (k / 2) + p / 2;
    const uint8_t* next = q + nextRow * (k / 2) + nextP / 2;
    const int8_t* at = digits + numbers * p;
    f32v total[count];
    each<count>(RP_EACH(s) { total[s] = totals[s]; });
    // as many groups at a time as there are lanes, so that what they have too much is taken off near to where it is added
    const uint8_t* const end = w + size / run * RP_BYTES;
    for (int64_t g = 0; g < size / G; g += lanes) {
      // scales of the weights times units of x, and zeros
      alignas(64) float both[count][lanes];
      const int n = size / G - g < lanes ? int(size / G - g) : lanes;
      each<count>(RP_EACH(s) {
        const f32v scaled = take(scales + (row + s * apart) * (k / G) + p / G + g, n) * take(units + p / G + g, n);
        store(both[s], scaled);
        total[s] -= scaled * take(sums + p / G + g, n);
      });
      i32v which = groupsOfLanes();
      const float* const scaled = both[0];
      const uint8_t* const until = end - w < lanes * G / 2 ? end : w + lanes * G / 2;
      for (uint64_t element = 0; w < until; w += RP_BYTES, next += RP_BYTES, at += numbers * run, element += run) {
        if constexpr (fetch > 0) each<count>(RP_EACH(s) { __builtin_prefetch(next + s * step, 0, near ? 3 : 2); });
        if constexpr (fetch > 1) each<count>(RP_EACH(s) { __builtin_prefetch(w + s * step + 2048, 0, 2); });
        vectors<count>(total, w, step, at, permutes ? scaled : scaled + element / G, which);
        which += int32_t(inVector);
      }
      if (n < lanes && size % run != 0) {
        // digits and scales beyond the end are zeros
        uint8_t rest[count][RP_BYTES] = {};
        for (int s = 0; s < count; s++) __builtin_memcpy(rest[s], w + s * step, size_t(size % run) / 2);
        vectors<count>(total, rest[0], RP_BYTES, at, permutes ? scaled : scaled + size % (lanes * G) / run * run / G, which);
      }
    }
    each<count>(RP_EACH(s) { totals[s] = total[s]; });
  }
  // Where a vector has more groups than one its lanes take their scales out of `lanes` of them in memory, by one instruction.
  static constexpr bool permutes = G < run;
  static RP_MEMBER i32v groupsOfLanes() {
    i32v groups = {};
    if constexpr (permutes)
      for (int i = 0; i < lanes; i++) groups[i] = i / (G / octet);
    return groups;
  }
  template <int count>
  static RP_MEMBER void vectors(f32v (&total)[count], const uint8_t* w, int64_t step, const int8_t* at, const float* scaled, i32v which) {
    i32v bytes[count], shifted[count], sum[count];
    // from -8 ... 7 to 0 ... 15
    each<count>(RP_EACH(s) { bytes[s] = loadAs<i32v>(w + s * step) ^ everyByte(0x88); });
    each<count>(RP_EACH(s) { shifted[s] = i32v(u32v(bytes[s]) << 4); });
    // Zeros that the processor knows to be zeros; with copies of a zero, or of what weights are to have less, Zen 4 takes half a cycle more.
    each<count>(RP_EACH(s) { makeZero(sum[s]); });
    each<numbers>(RP_EACH(turn) {
      const i32v a = loadAs<i32v>(at + turn * run), c = loadAs<i32v>(at + turn * run + RP_BYTES);
      if (turn > 0) each<count>(RP_EACH(s) { sum[s] = i32v(u32v(sum[s]) << 8); });
      each<count>(RP_EACH(s) { addProducts(sum[s], bytes[s], a); });
      each<count>(RP_EACH(s) { addProducts(sum[s], shifted[s], c); });
    });
    each<count>(RP_EACH(s) { total[s] += __builtin_convertvector(sum[s], f32v) * scalesOfLanes(scaled + s * lanes, which); });
  }
  static RP_MEMBER f32v scalesOfLanes(const float* scaled, [[maybe_unused]] i32v which) {
    // of an index only the lowest four bits count, or three
#if defined(RP_ISA_AVX512)
    if constexpr (permutes) return f32v(_mm512_permutexvar_ps(__m512i(which), _mm512_load_ps(scaled)));
#elif defined(RP_ISA_AVX2)
    if constexpr (permutes) return f32v(_mm256_permutevar8x32_ps(_mm256_load_ps(scaled), __m256i(which)));
#endif
    return splat(scaled[0]);
  }
};

}  // namespace
}  // namespace RP_NS
}  // namespace rp
#endif
