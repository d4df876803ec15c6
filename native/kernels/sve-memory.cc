// Read bandwidth and the mixes of loads and stores with SVE; what they move and count is the same as in read.cc and mixes.cc.
#if defined(RP_ISA_SVE)
#include "asm.h"
#include "sve.h"

#if defined(RP_HAS_SVE)
#define ALWAYS inline __attribute__((always_inline))

namespace rp {
namespace RP_NS {
namespace {

// Vector i behind a pointer.
#define LDR(z, p, i) __asm__ volatile("ldr %0, [%1, #%2, mul vl]" : "=w"(z) : "r"(p), "i"(i))
#define STR(z, p, i) __asm__ volatile("str %0, [%1, #%2, mul vl]" : : "w"(z), "r"(p), "i"(i) : "memory")
#define FMLA(a, b, c) __asm__ volatile("fmla %0.d, %1/m, %2.d, %3.d" : "+w"(a) : "Upl"(pg), "w"(b), "w"(c))
#define EOR(a, b) __asm__ volatile("eor %0.d, %0.d, %1.d" : "+w"(a) : "w"(b))
#define WORDS(p) reinterpret_cast<uint64_t*>(p)
#define REALS(p) reinterpret_cast<float64_t*>(p)

uint64_t fold(svuint64_t v) { return sveorv_u64(svptrue_b64(), v); }

// What is left of a run, vector by vector, the last one in part.
ALWAYS svuint64_t readRest(const char* p, const char* end, svuint64_t a) {
  for (; p < end; p += svcntb()) {
    const svbool_t some = svwhilelt_b64_u64(0, uint64_t(end - p) / 8);
    a = sveor_u64_m(some, a, svld1_u64(some, reinterpret_cast<const uint64_t*>(p)));
  }
  return a;
}

#define DECLARE                                                                                         \
  svuint64_t a0 = svdup_n_u64(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
#define JOIN fold(a0) ^ fold(a1) ^ fold(a2) ^ fold(a3) ^ fold(a4) ^ fold(a5) ^ fold(a6) ^ fold(a7)
#define READ(i, p, o)    \
  {                      \
    svuint64_t loaded;   \
    LDR(loaded, p, o);   \
    EOR(a##i, loaded);   \
  }
#define READ8(p, o) \
  READ(0, p, (o)) READ(1, p, (o) + 1) READ(2, p, (o) + 2) READ(3, p, (o) + 3) READ(4, p, (o) + 4) READ(5, p, (o) + 5) READ(6, p, (o) + 6) READ(7, p, (o) + 7)
#define READ64(p) READ8(p, 0) READ8(p, 8) READ8(p, 16) READ8(p, 24) READ8(p, 32) READ8(p, 40) READ8(p, 48) READ8(p, 56)
// Keeps loads that the compiler understands inside the loop over passes.
#define FORGET() __asm__ volatile("" ::: "memory")

// Straight-line bodies of 64 vectors: 1 KiB at 128 bits, 4 KiB at 512.
uint64_t read(void* base, size_t lines, uint64_t passes) {
  const char* const first = static_cast<const char*>(base);
  const char* const end = first + lines * lineBytes;
  const size_t body = 64 * svcntb();
  DECLARE
  for (uint64_t pass = 0; pass < passes; pass++) {
    const char* p = first;
    for (; size_t(end - p) >= body; p += body) {
      READ64(p)
    }
    a0 = readRest(p, end, a0);
    FORGET();
  }
  return JOIN;
}

#define TICKED(i)          \
  READ(i, p, i)            \
  RP_TICK(chain, one);     \
  if (i % 4 == 0) RP_TICK(chain, one);

uint64_t readClock(void* base, size_t lines, uint64_t passes) {
  const char* const first = static_cast<const char*>(base);
  const char* const end = first + lines * lineBytes;
  const size_t body = 8 * svcntb();
  uint64_t chain = 0, one = 1;
  DECLARE
  for (uint64_t pass = 0; pass < passes; pass++)
    for (const char* p = first; size_t(end - p) >= body; p += body) {
      TICKED(0) TICKED(1) TICKED(2) TICKED(3) TICKED(4) TICKED(5) TICKED(6) TICKED(7)
    }
  return (JOIN) ^ chain;
}

// Two vectors of each of `streams` streams in turn; accumulator i belongs to stream i.
#define STREAM(i)                                   \
  if constexpr (i < streams) {                      \
    const char* const p = first + i * stride + at;  \
    READ(i, p, 0) READ(i, p, 1)                     \
  }
template <int streams>
uint64_t readStreams(void* base, size_t lines, uint64_t passes) {
  const char* const first = static_cast<const char*>(base);
  const size_t turn = 2 * svcntb();
  const size_t stride = lines * lineBytes / streams / turn * turn;
  DECLARE
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < stride; at += turn) {
      STREAM(0) STREAM(1) STREAM(2) STREAM(3) STREAM(4) STREAM(5) STREAM(6) STREAM(7)
    }
    a0 = readRest(first + streams * stride, first + lines * lineBytes, a0);
    FORGET();
  }
  return JOIN;
}

size_t readPayload(size_t lines) { return lines * lineBytes; }

// The mixes of mixes.cc: vector<i> moves vector i of every array, rest the lanes of `some`. a is written or updated, b and c are read by
// mixes of so many arrays. `key` is what the mix keeps in a register.
struct Write {
  static constexpr int arrays = 1, payload = 1;
  static svuint64_t key() { return svdup_n_u64(0x3f8000003f800000ull); }
  template <int i>
  static ALWAYS void vector(char* a, char*, char*, svuint64_t k, svbool_t) { STR(k, a, i); }
  static ALWAYS void rest(char* a, char*, char*, svuint64_t k, svbool_t some) { svst1_u64(some, WORDS(a), k); }
};

struct NtWrite {
  static constexpr int arrays = 1, payload = 1;
  static svuint64_t key() { return Write::key(); }
  // the immediate of stnt1d ends at 7
  template <int i>
  static ALWAYS void vector(char* a, char*, char*, svuint64_t k, svbool_t pg) {
    char* const p = a + i / 8 * 8 * svcntb();
    __asm__ volatile("stnt1d {%0.d}, %1, [%2, #%3, mul vl]" : : "w"(k), "Upl"(pg), "r"(p), "i"(i % 8) : "memory");
  }
  static ALWAYS void rest(char* a, char*, char*, svuint64_t k, svbool_t some) { svstnt1_u64(some, WORDS(a), k); }
};

struct Update {
  static constexpr int arrays = 1, payload = 2;
  static svuint64_t key() { return svdup_n_u64(0x007f007f007f007full); }
  template <int i>
  static ALWAYS void vector(char* a, char*, char*, svuint64_t k, svbool_t) {
    svuint64_t v;
    LDR(v, a, i);
    EOR(v, k);
    STR(v, a, i);
  }
  static ALWAYS void rest(char* a, char*, char*, svuint64_t k, svbool_t some) {
    svst1_u64(some, WORDS(a), sveor_u64_x(some, svld1_u64(some, WORDS(a)), k));
  }
};

struct Copy {
  static constexpr int arrays = 2, payload = 2;
  static svuint64_t key() { return svdup_n_u64(0); }
  template <int i>
  static ALWAYS void vector(char* a, char* b, char*, svuint64_t, svbool_t) {
    svuint64_t v;
    LDR(v, b, i);
    STR(v, a, i);
  }
  static ALWAYS void rest(char* a, char* b, char*, svuint64_t, svbool_t some) {
    svst1_u64(some, WORDS(a), svld1_u64(some, WORDS(b)));
  }
};

struct TwoToOne {
  static constexpr int arrays = 3, payload = 3;
  static svuint64_t key() { return svdup_n_u64(0); }
  template <int i>
  static ALWAYS void vector(char* a, char* b, char* c, svuint64_t, svbool_t) {
    svuint64_t u, v;
    LDR(v, b, i);
    LDR(u, c, i);
    STR(v, a, i);
  }
  static ALWAYS void rest(char* a, char* b, char* c, svuint64_t, svbool_t some) {
    const svuint64_t u = svld1_u64(some, WORDS(c));
    __asm__ volatile("" : : "w"(u));
    svst1_u64(some, WORDS(a), svld1_u64(some, WORDS(b)));
  }
};

// The loads of another mix, and stores around the caches.
template <typename Loads>
struct NtStores {
  static constexpr int arrays = Loads::arrays, payload = Loads::payload;
  static svuint64_t key() { return svdup_n_u64(0); }
  template <int i>
  static ALWAYS void vector(char* a, char* b, char* c, svuint64_t, svbool_t pg) {
    svuint64_t v;
    LDR(v, b, i);
    if constexpr (arrays == 3) {
      svuint64_t u;
      LDR(u, c, i);
    }
    NtWrite::vector<i>(a, b, c, v, pg);
  }
  static ALWAYS void rest(char* a, char* b, char* c, svuint64_t, svbool_t some) {
    if constexpr (arrays == 3) {
      const svuint64_t u = svld1_u64(some, WORDS(c));
      __asm__ volatile("" : : "w"(u));
    }
    svstnt1_u64(some, WORDS(a), svld1_u64(some, WORDS(b)));
  }
};

// One load, of the second array, to several stores; arrays beyond the third lie as far apart as the first two.
template <int stores, bool far>
struct OneTo {
  static constexpr int arrays = 1 + stores, payload = 1 + stores;
  static svuint64_t key() { return svdup_n_u64(0); }
  template <int i>
  static ALWAYS void vector(char* a, char* b, char* c, svuint64_t, svbool_t pg) {
    svuint64_t v;
    LDR(v, b, i);
    for (int k = 0; k < stores; k++) {
      char* const to = k == 0 ? a : c + (k - 1) * (b - a);
      if constexpr (far) NtWrite::vector<i>(to, b, c, v, pg);
      else STR(v, to, i);
    }
  }
  static ALWAYS void rest(char* a, char* b, char* c, svuint64_t, svbool_t some) {
    const svuint64_t v = svld1_u64(some, WORDS(b));
    for (int k = 0; k < stores; k++) svst1_u64(some, WORDS(k == 0 ? a : c + (k - 1) * (b - a)), v);
  }
};

// Several loads, of the second array and those that lie behind it as far apart, to one store.
template <int loads, bool far>
struct ManyToOne {
  static constexpr int arrays = 1 + loads, payload = 1 + loads;
  static svuint64_t key() { return svdup_n_u64(0); }
  template <int i>
  static ALWAYS void vector(char* a, char* b, char* c, svuint64_t, svbool_t pg) {
    svuint64_t v;
    for (int k = 0; k < loads; k++) {
      char* const from = b + k * (b - a);
      LDR(v, from, i);
    }
    if constexpr (far) NtWrite::vector<i>(a, b, c, v, pg);
    else STR(v, a, i);
  }
  static ALWAYS void rest(char* a, char* b, char*, svuint64_t, svbool_t some) {
    svuint64_t v = svdup_n_u64(0);
    for (int k = 0; k < loads; k++) {
      v = svld1_u64(some, WORDS(b + k * (b - a)));
      __asm__ volatile("" : : "w"(v));
    }
    svst1_u64(some, WORDS(a), v);
  }
};

struct Triad {
  static constexpr int arrays = 3, payload = 3;
  static svuint64_t key() { return svreinterpret_u64_f64(svdup_n_f64(0.75)); }
  template <int i>
  static ALWAYS void vector(char* a, char* b, char* c, svuint64_t k, svbool_t pg) {
    svuint64_t u, v;
    LDR(v, b, i);
    LDR(u, c, i);
    FMLA(v, k, u);
    STR(v, a, i);
  }
  static ALWAYS void rest(char* a, char* b, char* c, svuint64_t k, svbool_t some) {
    const svfloat64_t x = svld1_f64(some, REALS(b)), y = svld1_f64(some, REALS(c));
    svst1_f64(some, REALS(a), svmla_f64_x(some, x, svreinterpret_f64_u64(k), y));
  }
};

template <typename Mix, int n, int i = 0>
ALWAYS void vectors(char* a, char* b, char* c, svuint64_t k, svbool_t pg) {
  if constexpr (i < n) {
    Mix::template vector<i>(a, b, c, k, pg);
    vectors<Mix, n, i + 1>(a, b, c, k, pg);
  }
}

// Lines between two arrays, as in mixes.cc.
constexpr size_t gap = 9;

template <typename Mix, int runs>
size_t linesPerArray(size_t lines) {
  const size_t each = lines / (Mix::arrays * runs);
  const size_t between = Mix::arrays * runs > 1 ? gap : 0;
  return each > between ? each - between : 0;
}

template <typename Mix, int runs>
size_t payloadOf(size_t lines) {
  return linesPerArray<Mix, runs>(lines) * runs * Mix::payload * lineBytes;
}

// `left` bytes: whole vectors, then lanes.
template <typename Mix>
ALWAYS void finish(char* a, char* b, char* c, size_t left, svuint64_t k, svbool_t pg) {
  for (; left >= svcntb(); left -= svcntb()) {
    vectors<Mix, 1>(a, b, c, k, pg);
    a += svcntb(), b += svcntb(), c += svcntb();
  }
  if (left > 0) Mix::rest(a, b, c, k, svwhilelt_b64_u64(0, left / 8));
}

// One run of straight-line bodies of 64 vectors of each array. Arrays that a mix does not have get pointers that nothing follows.
template <typename Mix>
uint64_t walk(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, 1>(lines) * lineBytes;
  const size_t step = per + gap * lineBytes, body = 64 * svcntb();
  const svuint64_t k = Mix::key();
  const svbool_t pg = svptrue_b64();
  for (uint64_t pass = 0; pass < passes; pass++) {
    char *a = static_cast<char*>(base), *b = a + step, *c = b + step;
    size_t left = per;
    for (; left >= body; left -= body) {
      vectors<Mix, 64>(a, b, c, k, pg);
      a += body, b += body, c += body;
    }
    finish<Mix>(a, b, c, left, k, pg);
  }
  RP_DRAIN();
  return passes;
}

// Every array is cut into `runs` pieces that advance together, two vectors at a time.
template <typename Mix, int runs>
uint64_t sweep(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, runs>(lines) * lineBytes;
  const size_t step = per + gap * lineBytes, turn = 2 * svcntb(), most = per / turn * turn;
  const svuint64_t k = Mix::key();
  const svbool_t pg = svptrue_b64();
  char* const first = static_cast<char*>(base);
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < most; at += turn)
      for (int r = 0; r < runs; r++) {
        char* const a = first + r * Mix::arrays * step + at;
        vectors<Mix, 2>(a, a + step, a + 2 * step, k, pg);
      }
    for (int r = 0; r < runs; r++) {
      char* const a = first + r * Mix::arrays * step + most;
      finish<Mix>(a, a + step, a + 2 * step, per - most, k, pg);
    }
  }
  RP_DRAIN();
  return passes;
}

// Three dependent adds for every vector that is loaded or stored.
template <typename Mix>
uint64_t mixClock(void* base, size_t lines, uint64_t passes) {
  const size_t per = linesPerArray<Mix, 1>(lines) * lineBytes;
  const size_t step = per + gap * lineBytes;
  const svuint64_t k = Mix::key();
  const svbool_t pg = svptrue_b64();
  uint64_t chain = 0, one = 1;
  for (uint64_t pass = 0; pass < passes; pass++)
    for (size_t at = 0; at + svcntb() <= per; at += svcntb()) {
      char* const a = static_cast<char*>(base) + at;
      vectors<Mix, 1>(a, a + step, a + 2 * step, k, pg);
      for (int t = 0; t < Mix::payload; t++) {
        RP_TICK(chain, one);
        RP_TICK(chain, one);
        RP_TICK(chain, one);
      }
    }
  return chain;
}

// `several` and `two`: so many runs of two vectors in turn.
template <typename Mix, int runs>
int rowsOf(MemoryProbe* rows, const char* id, const char* several, const char* two) {
  rows[0] = {id, walk<Mix>, payloadOf<Mix, 1>, mixClock<Mix>, 3.0 / double(svcntb())};
  rows[1] = {several, sweep<Mix, runs>, payloadOf<Mix, runs>, nullptr, 0};
  rows[2] = {two, sweep<Mix, 2>, payloadOf<Mix, 2>, nullptr, 0};
  return 3;
}

}  // namespace

int memoryProbes(MemoryProbe* rows) {
  rows[0] = {"read", read, readPayload, readClock, 1.25 / double(svcntb())};
  rows[1] = {"read-8x2", readStreams<8>, readPayload, nullptr, 0};
  rows[2] = {"read-4x2", readStreams<4>, readPayload, nullptr, 0};
  rows[3] = {"read-2x2", readStreams<2>, readPayload, nullptr, 0};
  int n = 4;
  n += rowsOf<Write, 8>(rows + n, "write", "write-8x2", "write-2x2");
  n += rowsOf<NtWrite, 8>(rows + n, "nt-write", "nt-write-8x2", "nt-write-2x2");
  n += rowsOf<Update, 8>(rows + n, "update", "update-8x2", "update-2x2");
  n += rowsOf<Copy, 4>(rows + n, "copy", "copy-4x2", "copy-2x2");
  n += rowsOf<TwoToOne, 3>(rows + n, "2:1", "2:1-3x2", "2:1-2x2");
  n += rowsOf<Triad, 3>(rows + n, "triad", "triad-3x2", "triad-2x2");
  n += rowsOf<NtStores<Copy>, 4>(rows + n, "nt-copy", "nt-copy-4x2", "nt-copy-2x2");
  n += rowsOf<NtStores<TwoToOne>, 3>(rows + n, "nt-2:1", "nt-2:1-3x2", "nt-2:1-2x2");
  n += rowsOf<ManyToOne<4, false>, 4>(rows + n, "4:1", "4:1-4x2", "4:1-2x2");
  n += rowsOf<ManyToOne<8, false>, 4>(rows + n, "8:1", "8:1-4x2", "8:1-2x2");
  n += rowsOf<ManyToOne<4, true>, 4>(rows + n, "nt-4:1", "nt-4:1-4x2", "nt-4:1-2x2");
  n += rowsOf<ManyToOne<8, true>, 4>(rows + n, "nt-8:1", "nt-8:1-4x2", "nt-8:1-2x2");
  n += rowsOf<OneTo<2, false>, 4>(rows + n, "1:2", "1:2-4x2", "1:2-2x2");
  n += rowsOf<OneTo<4, false>, 4>(rows + n, "1:4", "1:4-4x2", "1:4-2x2");
  n += rowsOf<OneTo<2, true>, 4>(rows + n, "nt-1:2", "nt-1:2-4x2", "nt-1:2-2x2");
  n += rowsOf<OneTo<4, true>, 4>(rows + n, "nt-1:4", "nt-1:4-4x2", "nt-1:4-2x2");
  return n;
}

}  // namespace RP_NS
}  // namespace rp
#endif
#endif  // RP_ISA_SVE
