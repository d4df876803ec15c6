// Page-aligned memory of one measuring thread, huge pages asked for.
#pragma once
#include <stddef.h>

#include <atomic>

namespace rp {

struct Region {
  char* data = nullptr;
  size_t bytes = 0;
};

// Rounded up to whole huge pages.
size_t wholePages(size_t bytes);

// Reserves `bytes`, rounded up to 2 MiB and aligned to it; data is null where the system refuses. Pages come with the first touch.
Region reserve(size_t bytes);
void release(Region& region);

// Writes every byte of [from, to) with a pattern that neither compresses nor holds zeros; as f32 and as f64 every value is normal,
// since some CPUs take a hundred times longer over a denormal.
void fill(Region& region, size_t from, size_t to);

// Links the lines of the first `bytes` into one cycle in random order: each line's first word points to the next. A cycle of 128 MiB takes
// a tenth of a second, so it looks at `stop` on the way; false where it was raised.
bool linkLines(Region& region, size_t bytes, const std::atomic<bool>& stop);

// Whether several nodes have memory, so that pages may be nearer to one processor than to another.
bool severalNodes();

// Bytes of the region that the kernel backs with huge pages; 0 where it does not say.
size_t hugeBytes(const Region& region);

}  // namespace rp
