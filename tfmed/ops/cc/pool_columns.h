// Pooling by columns, for few channels, where only whole rows are long enough for vectors.
#ifndef TFMED_OPS_CC_POOL_COLUMNS_H_
#define TFMED_OPS_CC_POOL_COLUMNS_H_

#include "pool_windows.h"

namespace tfmed {
namespace {

// acc_i (+)= a_i b_i along a row.
template <bool kSquare, typename T>
void AddProducts(const T* a, const T* b, int64_t n, bool first, Sum<T>* __restrict acc) {
  for (int64_t i = 0; i < n; ++i) {
    const Sum<T> value = Widen(a[i]);
    acc[i] = (first ? Sum<T>(0) : acc[i]) + value * (kSquare ? value : Sum<T>(Widen(b[i])));
  }
}

// One row of outputs by columns: for few channels, where only whole rows are long enough for vectors. Sums down
// the columns of a stretch of windows, then along the width, then finishes all outputs of the stretch.
template <bool kSquare, typename T>
void PoolColumns(const Geometry& g, const Unit& unit, const Region& r, const Operands<T>& all, Sum<T>* buffer) {
  const int64_t room = kBufferBytes / static_cast<int64_t>(sizeof(Sum<T>)) / g.channels;
  const int64_t step = Max(1, (room - g.width.window) / g.width.stride + 1);
  const int64_t row = ((unit.batch * g.depth.out + unit.depth) * g.height.out + unit.height) * g.width.out;
  for (int64_t o = 0; o < g.width.out; o += step) {
    const int64_t stop = Min(o + step, g.width.out);
    const int64_t begin = g.width.Begin(o);
    const int64_t length = (g.width.End(stop - 1) - begin) * g.channels;
    for (int64_t d = r.depth_begin; d < r.depth_end; ++d) {
      for (int64_t h = r.height_begin; h < r.height_end; ++h) {
        const int64_t line = (unit.batch * g.depth.in + d) * g.height.in + h;
        const int64_t in = (line * g.width.in + begin) * g.channels;
        const bool first = d == r.depth_begin && h == r.height_begin;
        AddProducts<kSquare>(all.a + in, all.b + in, length, first, buffer);
      }
    }
    Sum<T>* const sums = buffer + length;
    for (int64_t k = o; k < stop; ++k) {
      const int64_t first = g.width.Begin(k);
      const int64_t count = g.width.End(k) - first;
      const Sum<T> scale = g.mean ? Sum<T>(1) / static_cast<Sum<T>>(r.Rows() * count) : Sum<T>(1);
      for (int64_t c = 0; c < g.channels; ++c) {
        const Sum<T>* const column = buffer + (first - begin) * g.channels + c;
        Sum<T> sum = 0;
        for (int64_t i = 0; i < count; ++i) sum += column[i * g.channels];
        sums[(k - o) * g.channels + c] = scale * sum;
      }
    }
    const int64_t out = (row + o) * g.channels;
    for (int64_t i = 0; i < (stop - o) * g.channels; ++i) {
      if (kSquare) {
        Narrow(SquareRoot(sums[i]), &all.y[out + i]);
      } else {
        Narrow(Ratio<Sum<T>>(sums[i], Widen(all.norm[out + i])), &all.y[out + i]);
      }
    }
  }
}

}  // namespace
}  // namespace tfmed

#endif  // TFMED_OPS_CC_POOL_COLUMNS_H_
