// What attention of few queries, attention-rows.cc, asks for ahead of the keys and values that it reads.
#pragma once
#include "../core/cores.h"
#include "attention.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int keysInStep = 4;  // their rows share the loads of a query, and the loads and stores of an output

// Rows of consecutive tokens in one tensor: channel 0 of key head 0 of the first, and from token to token.
struct Stretch {
  const float* rows;
  int64_t step, from, count;  // `from`: its first token, from that of the caller's range on
};

// Asks for rows that come in about 64 KiB, into L2, and in the order in which they lie: four tokens at a time are four streams, which the
// prefetchers of the processor lose. One thread of Zen 4 reads DRAM at 18 GB/s in four streams, at 25 GB/s with this. They are asked for
// between the products: 32 at a time before them, more than the 16 lines that a core of Emerald Rapids can wait for, kept its loads waiting
// too (8 x 4095 tokens, 8 key heads of 128, GB/s: 11.3 without, 12.9 32 at a time, 14.1 so, of 16.5 that reading alone takes; twice as far
// ahead the same, four times 13.7). Asking for what lies behind a tensor does no harm. Zen 4 drops what is asked for while its queue is full: asked for once
// more, 8 x 4095 tokens of 8 key heads of 128 take 11.1 ms for 11.6. 64 and again 16 KiB ahead, p10 of 78 in one process in turn, 11.4 ms where 16 and 8 take
// 12.0, two threads 7.1 and 7.8; 32 and 8 KiB 11.7, 64 and 4 11.6, 128 and 16 11.3 and 7.7.
//
// `close`, as Intel's cores want it: the lines 1 KiB ahead, or as many heads as fill it, of what this thread reads in each of the four rows, into L1.
// Emerald Rapids, 14 x 4095 tokens, in turn: 85.5 % of reading to 89 (2 KiB 88, 4 KiB 87, 8 KiB 87, 512 B 85; into L2 87; another line into L2 further
// ahead 87 to 89); reading alone in the same order 101 %.
constexpr int64_t closeAhead = 256;
struct Foresight {
  const float* at;
  int64_t back;  // from there to what is asked for again
  int64_t run, jump, left;  // floats of a token's heads that are read, from their end to the next token's, and what is left of them
  const bool close;
  int64_t whole = 0;    // closeAhead in whole heads
  int64_t further = 0;  // from what is read to what is asked for, where close
  static int64_t tokensIn(int64_t ahead, int64_t floats) { return 1 + ahead / (floats + 1); }
  Foresight(const AttentionShape& s, const Stretch& stretch, int64_t first, int64_t count)
      : at(stretch.rows + first * s.dim + tokensIn(16384, count * s.dim) * s.keyRow()),
        back((tokensIn(16384, count * s.dim) - tokensIn(4096, count * s.dim)) * s.keyRow()),
        run(count * s.dim), jump(s.keyRow() - run), left(run), close(lanes == 16 && tunedFor() == Cores::intel),
        whole((closeAhead + s.dim - 1) / (s.dim > 0 ? s.dim : 1) * s.dim) {}
  explicit Foresight(int64_t further) : at(nullptr), back(0), run(0), jump(0), left(0), close(true), further(further) {}
  // `done` floats of the four tokens' rows are read. A thread may have so few heads that what it reads next is some steps of four tokens on: two heads of
  // 128 of eight moved 6.7 GB/s of 11.7 where lines of the other threads' heads were asked for (Emerald Rapids).
  RP_MEMBER void standAt(int64_t done) { further = whole + (done + whole) / run * (keysInStep * (run + jump) - run); }
  // As many lines as one vector of each of four rows has, of which those at `here`, `step` apart, are read.
  RP_MEMBER void lines(const float* here, int64_t step) {
    if (close) {
      RP_UNROLL for (int j = 0; j < keysInStep; j++) __builtin_prefetch(here + j * step + further, 0, 3);
      return;
    }
    constexpr int floats = keysInStep * lanes;
    RP_UNROLL for (int i = 0; i < floats; i += 16) {
      __builtin_prefetch(at, 0, 2);
      __builtin_prefetch(at - back, 0, 2);
      at += floats < 16 ? floats : 16;
      left -= floats < 16 ? floats : 16;
      if (left > 0) continue;
      at += jump;
      left += run;
    }
  }
};

}  // namespace
}  // namespace RP_NS
}  // namespace rp
