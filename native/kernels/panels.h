// Panels of a matrix product: rows of A or columns of B packed in the order in which the register tile reads them, and what they are
// packed from fetched ahead.
#pragma once
#include "asm.h"
#include "gemm.h"
#include "vec.h"

namespace rp {
namespace RP_NS {

static inline int64_t roundUp(int64_t a, int64_t to) { return (a + to - 1) / to * to; }
// Equal parts of at most `most`, in multiples of `grain`: 1030 in parts of 512 are 344 each and not 512, 512 and 6.
static inline int64_t evenly(int64_t total, int64_t most, int64_t grain) {
  const int64_t parts = (total + most - 1) / most;
  return parts <= 1 ? total : least(most, roundUp((total + parts - 1) / parts, grain));
}

template <typename V, typename T>
static inline V loadAs(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename V, typename T>
static inline void storeAs(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}
// Past the caches, to an address aligned to the vector.
template <typename V, typename T>
static inline void streamAs(T* p, V v) {
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR)
  RP_STORE_NT(*reinterpret_cast<V*>(p), v);
#else
  storeAs(p, v);
#endif
}

// Turns squares of 16 B: to[p * step + i] = from[i * row + p]. Eight shuffles for sixteen words in place of sixteen loads and stores.
// `row` and `from` are in elements of any type: bytes whose words begin there.
#if !defined(RP_ISA_SCALAR) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define RP_TURNS 1
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
template <typename T, typename Word>
RP_INLINE void turn(const T* from, int64_t row, Word* to, int64_t step) {
  if constexpr (sizeof(Word) == 4) {
    const i32x4 r0 = loadAs<i32x4>(from), r1 = loadAs<i32x4>(from + row);
    const i32x4 r2 = loadAs<i32x4>(from + 2 * row), r3 = loadAs<i32x4>(from + 3 * row);
    const i32x4 a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), b = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    const i32x4 c = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    storeAs(to, __builtin_shufflevector(a, c, 0, 1, 4, 5));
    storeAs(to + step, __builtin_shufflevector(a, c, 2, 3, 6, 7));
    storeAs(to + 2 * step, __builtin_shufflevector(b, d, 0, 1, 4, 5));
    storeAs(to + 3 * step, __builtin_shufflevector(b, d, 2, 3, 6, 7));
  } else {
    const f64x2 x = loadAs<f64x2>(from), y = loadAs<f64x2>(from + row);
    storeAs(to, __builtin_shufflevector(x, y, 0, 2));
    storeAs(to + step, __builtin_shufflevector(x, y, 1, 3));
  }
}
// The same of two rows of four words.
template <typename T>
RP_INLINE void turnPair(const T* from, int64_t row, void* to, int64_t stepBytes) {
  const i32x4 r0 = loadAs<i32x4>(from), r1 = loadAs<i32x4>(from + row);
  const f64x2 a = f64x2(__builtin_shufflevector(r0, r1, 0, 4, 1, 5)), b = f64x2(__builtin_shufflevector(r0, r1, 2, 6, 3, 7));
  char* const at = static_cast<char*>(to);
  storeAs(at, a[0]);
  storeAs(at + stepBytes, a[1]);
  storeAs(at + 2 * stepBytes, b[0]);
  storeAs(at + 3 * stepBytes, b[1]);
}
// `width` rows of a cache line each: rows are left one after another, since a power of two apart they would push each other out of L1.
// A step of T is a 1/each of a word.
template <int width, int each, typename T, typename Word>
RP_INLINE void turnLines(const T* from, int64_t row, Word* to) {
  constexpr int square = 16 / sizeof(Word), words = 64 / sizeof(Word), pairs = sizeof(Word) == 4 ? width / 2 * 2 : 0;
  int i = 0;
  for (; i + square <= width; i += square) {
    RP_UNROLL
    for (int p = 0; p < words; p += square) turn(from + i * row + p * each, row, to + p * width + i, width);
  }
  for (; i + 2 <= pairs; i += 2) {
    RP_UNROLL
    for (int p = 0; p < words; p += square) turnPair(from + i * row + p * each, row, to + p * width + i, width * int64_t(sizeof(Word)));
  }
  for (; i < width; i++)
    for (int p = 0; p < words; p++) __builtin_memcpy(to + p * width + i, from + i * row + p * each, sizeof(Word));
}
#endif
#endif

// Panels of `width` lines, k-major: word (i, p) of a panel at p * width + i; lines beyond `count` are zero. A line is a row of A or a
// column of B: `line` words apart from the next, its words `along` apart.
template <typename Word, int width>
static inline void packPanels(const Word* from, int64_t line, int64_t along, int64_t count, int64_t k, Word* to) {
  int64_t i0 = 0;
  // A panel of A takes a part of each line it reads: as many panels are packed together as take whole lines, lest each line come from L2 two
  // or three times. Emerald Rapids, A transposed, one thread: 192^3 in f32 140 to 156 GFLOP/s, in f64 74 to 79; 2048^3 in f32 160 to 164.
  constexpr int together = width * sizeof(Word) < 64 ? 192 / (width * sizeof(Word)) : 1;
  if constexpr (together > 1)
    if (line == 1 && count >= together * width)
      for (; i0 + together * width <= count; i0 += together * width, to += together * width * k) {
        constexpr int64_t ahead = 8;
        for (int64_t p = 0; p < k; p++) {
          const Word* const row = from + p * along + i0;
          if (p + ahead < k) {
            RP_UNROLL
            for (int i = 0; i < together * width; i += 64 / sizeof(Word)) __builtin_prefetch(row + ahead * along + i, 0, 3);
          }
          RP_UNROLL
          for (int i = 0; i < together; i++) __builtin_memcpy(to + (i * k + p) * width, row + i * width, sizeof(Word[width]));
        }
      }
  for (; i0 < count; i0 += width, to += width * k) {
    const Word* source = from + i0 * line;
    const int64_t lines = least(width, count - i0);
    if (lines == width && line == 1) {
      // Rows lie in pages of their own, which the hardware does not fetch ahead.
      constexpr int64_t ahead = 8, perLine = 64 / sizeof(Word);
      constexpr int piece = width % 4 == 0 ? width / 4 : width;
      struct Piece {
        Word words[piece];
      };
      for (int64_t p = 0; p < k; p++) {
        if (p + ahead < k)
          for (int64_t i = 0; i < width; i += perLine) __builtin_prefetch(source + (p + ahead) * along + i, 0, 3);
        RP_UNROLL
        for (int i = 0; i < width; i += piece) storeAs(to + p * width + i, loadAs<Piece>(source + p * along + i));
      }
      continue;
    }
    int64_t p = 0;
#if defined(RP_TURNS)
    constexpr int perLine = 64 / sizeof(Word);
    if (lines == width && along == 1)
      for (; p + perLine <= k; p += perLine) {
        // the lines of the next panel's rows, which begin in pages of their own
        if (i0 + 2 * width <= count)
          for (int64_t i = width; i < 2 * width; i++) __builtin_prefetch(source + i * line + p, 0, 2);
        turnLines<width, 1>(source + p, line, to + p * width);
      }
#endif
    for (; p < k; p++) {
      int64_t i = 0;
      if (line == 1)
        for (; i < lines; i++) to[p * width + i] = source[p * along + i];
      else
        for (; i < lines; i++) to[p * width + i] = source[i * line + p * along];
      for (; i < width; i++) to[p * width + i] = Word(0);
    }
  }
}

// What a panel is packed from: `rows` pieces of `bytes`, `step` bytes apart.
struct Source {
  const char* from;
  int64_t step, rows, bytes;
};

// Where all lies in L2.
struct NoFetch {
  static constexpr bool asks = false;
  static constexpr int64_t steps = 0;
};

// Fetches a source into L2 while tiles are computed, a few cache lines at a time.
class Fetch {
 public:
  static constexpr bool asks = true;
  static constexpr int64_t steps = 0;
  // `tiles` tiles of `words` steps along k share the work.
  Fetch(const Source& source, int64_t tiles, int64_t words) : source_(source) {
    piece_ = least(most, source.bytes);
    const int64_t pieces = piece_ > 0 ? source.rows * ((source.bytes + piece_ - 1) / piece_) : 0;
    each = (pieces + tiles - 1) / tiles;
    // the tile's first steps fetch C
    every = each > 0 ? words / 2 / each : 0;
    if (every < 1) every = 1;
  }
  int64_t each, every;  // pieces per tile, and steps along k from one to the next
  RP_MEMBER void next() {
    if (source_.rows <= 0) return;
    const char* const at = source_.from + offset_;
    __builtin_prefetch(at, 0, 2);
    if (piece_ > 64) {
      __builtin_prefetch(at + 64, 0, 2);
      __builtin_prefetch(at + 128, 0, 2);
      __builtin_prefetch(at + 192, 0, 2);
    }
    offset_ += piece_;
    if (offset_ < source_.bytes) return;
    offset_ = 0;
    source_.from += source_.step;
    source_.rows--;
  }

 private:
  static constexpr int64_t most = 256;
  Source source_;
  int64_t piece_, offset_ = 0;
};

// A matrix as the tile takes it, whose elements are words already.
template <typename Word, int width>
struct PackWords {
  static constexpr bool words = true;  // they lie in memory as the tile takes them, but for their order
  static constexpr bool ahead = true;  // as B it may be packed a block ahead (ahead.h)
  typedef Word Element;
  Strided<Word> from;  // `row` from line to line, `column` along k
  // of so many words those that lie there from end to end
  static int64_t full(int64_t words) { return words; }
  // Of `steps` steps of a panel, by byte offsets from the first: what the e-th of `asks` asks for, what vector e is copied from, and what a turn without
  // one copies.
  static constexpr int64_t steps = 1, asks = 4;
  int64_t pitch() const { return from.column; }
  static int64_t lineOf(int64_t e, int64_t) { return e * 64; }
  static int64_t sourceOf(int64_t e, int64_t) { return e * 64; }
  static RP_MEMBER void ask(const char* at, int64_t) { __builtin_prefetch(at, 0, 2); }
  static constexpr int64_t nothing = 0;
  static RP_MEMBER void copy(const char* from, int64_t, char* to, int64_t at) { storeAs(to + at, loadAs<wordv>(from)); }
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, Word* to) const {
    packPanels<Word, width>(from.data + line * from.row + word * from.column, from.row, from.column, lines, words, to);
  }
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    const char* const first = reinterpret_cast<const char*>(from.data + line * from.row + word * from.column);
    constexpr int64_t size = sizeof(Word);
    if (from.row == 1) return {first, from.column * size, words, lines * size};
    return {first, from.row * size, from.column == 1 ? lines : 0, words * size};
  }
};

#if defined(RP_ISA_AVX512)
// B in column-major order, as it is packed a block ahead: four steps of as many columns as a vector has words, turned.
template <typename Word, int width>
struct PackTurned : PackWords<Word, width> {
  static constexpr int64_t size = sizeof(Word), columns = 64 / size;
  static constexpr int64_t steps = 4, asks = width / 2;
  int64_t pitch() const { return this->from.row; }
  static int64_t lineOf(int64_t e, int64_t row) { return 2 * e * row; }
  static int64_t sourceOf(int64_t e, int64_t row) { return e * columns * row; }
  static RP_MEMBER void ask(const char* at, int64_t row) {
    __builtin_prefetch(at, 0, 2);
    __builtin_prefetch(at + row, 0, 2);
  }
  static constexpr int64_t nothing = -1;
  static RP_MEMBER void copy(const char* p, int64_t row, char* to, int64_t at) {
    if (at == nothing) return;
    constexpr int64_t next = width * size;  // bytes
    const auto quarters = [row](const char* q, int64_t apart) __attribute__((always_inline)) {
      const auto part = [](const char* r) __attribute__((always_inline)) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(r)); };
      __m512i v = _mm512_castsi128_si512(part(q));
      v = _mm512_inserti32x4(v, part(q + apart * row), 1);
      v = _mm512_inserti32x4(v, part(q + 2 * apart * row), 2);
      return _mm512_inserti32x4(v, part(q + 3 * apart * row), 3);
    };
    if constexpr (size == 4) {
      const __m512i r0 = quarters(p, 4), r1 = quarters(p + row, 4), r2 = quarters(p + 2 * row, 4), r3 = quarters(p + 3 * row, 4);
      const __m512i a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1);
      const __m512i c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3);
      storeAs(to + at, _mm512_unpacklo_epi64(a, c));
      storeAs(to + at + next, _mm512_unpackhi_epi64(a, c));
      storeAs(to + at + 2 * next, _mm512_unpacklo_epi64(b, d));
      storeAs(to + at + 3 * next, _mm512_unpackhi_epi64(b, d));
    } else {
      RP_UNROLL
      for (int i = 0; i < 2; i++) {
        const __m512i x = quarters(p + 16 * i, 2), y = quarters(p + row + 16 * i, 2);
        storeAs(to + at + 2 * i * next, _mm512_unpacklo_epi64(x, y));
        storeAs(to + at + (2 * i + 1) * next, _mm512_unpackhi_epi64(x, y));
      }
    }
  }
};
#endif

}  // namespace RP_NS
}  // namespace rp
