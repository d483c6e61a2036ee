// Units of work, and loops over vectors of channels. Only for pool_rows.cc, which is compiled once for each
// instruction set.
#ifndef TFMED_OPS_CC_ROWS_H_
#define TFMED_OPS_CC_ROWS_H_

#include "geometry.h"
#include "lanes.h"

namespace tfmed {
namespace {

template <typename T>
using Sum = typename Wide<T>::Sum;

TFMED_INLINE int64_t Min(int64_t a, int64_t b) { return a < b ? a : b; }

TFMED_INLINE int64_t Max(int64_t a, int64_t b) { return a > b ? a : b; }

// 0 where the norm is 0; for one number or a vector.
template <typename V>
TFMED_INLINE V Ratio(V a, V norm) {
  const V quotient = a / norm;
  return norm == 0 ? V{} : quotient;
}

// A unit of work: one row, restricted to the channels [channel, channel + run).
struct Unit {
  int64_t batch, depth, height, channel, run;
};

Unit Locate(const Geometry& g, int64_t index, int64_t depths, int64_t heights) {
  Unit unit;
  const int64_t blocks = g.ChannelBlocks();
  const int64_t block = index % blocks;
  unit.channel = block * g.channel_block;
  unit.run = block + 1 < blocks ? g.channel_block : g.channels - unit.channel;
  index /= blocks;
  unit.height = index % heights;
  index /= heights;
  unit.depth = index % depths;
  unit.batch = index / depths;
  return unit;
}

// Rows and columns of a tensor that belong together: those of a window, or the windows over a row.
struct Region {
  int64_t depth_begin, depth_end, height_begin, height_end, width_begin, width_end;

  TFMED_INLINE int64_t Rows() const { return (depth_end - depth_begin) * (height_end - height_begin); }
};

// Of what passes a core, more than twice its caches. What the system says of them is no help: behind a hypervisor
// sysconf has named ten times as much as there was.
constexpr int64_t kFarBytes = int64_t{64} << 20;

// Whether most of an output `to` would have left the caches by the end, and every place of it holds whole, aligned
// registers of channels. A kernel reads and writes `times` elements for each of its two shapes'.
template <typename T>
bool FitStreams(const Geometry& g, const T* to, int64_t times) {
  const int64_t inputs = g.depth.in * g.height.in * g.width.in;
  const int64_t outputs = g.depth.out * g.height.out * g.width.out;
  const int64_t place = g.channels * sizeof(T);
  return times * g.batch * (inputs + outputs) * place > kFarBytes && place % kRegisterBytes == 0 &&
         reinterpret_cast<uintptr_t>(to) % kRegisterBytes == 0;
}

// Vectors that a loop keeps in registers at once; the rest of the registers hold what is loaded.
template <typename T>
constexpr int kGroup = 32 / kLanes<T> < 8 ? 32 / kLanes<T> : 8;

// The same for parts, four registers of them, beside which the bits of what was seen are kept.
template <typename T>
constexpr int kPartGroup = 4 * kRegisterBytes / sizeof(Parts<T>);

template <int n>
struct Vectors {
  static constexpr int kCount = n;
};

// Runs work(c, slot, vectors) over the channels [0, run), in groups of vectors that fit the registers; the last
// vector overlaps the one before where they do not fill the run, so `run` must be `lanes` at least. What is kept
// for a vector between runs belongs at its slot, where no other vector lies.
template <int group, int lanes, typename Work>
TFMED_INLINE void OverVectors(int64_t run, Work work) {
  int64_t c = 0;
  for (; c + group * lanes <= run; c += group * lanes) work(c, c, Vectors<group>());
  for (; c < run; c += lanes) work(Min(c, run - lanes), c, Vectors<1>());
}

}  // namespace
}  // namespace tfmed

#endif  // TFMED_OPS_CC_ROWS_H_
