// Spreading: dx = x * sum of dy / y over the windows that hold an input. One row of inputs at a time: the windows
// over it, summed over their rows into a buffer that fits the first-level cache, then along the width.
#ifndef TFMED_OPS_CC_SPREAD_ROWS_H_
#define TFMED_OPS_CC_SPREAD_ROWS_H_

#include "pool_rows.h"
#include "rows.h"

namespace tfmed {
namespace {

// acc_i (+)= scale * dy_i / y_i.
template <bool kFirst, typename T>
void AddRatios(const T* dy, const T* y, int64_t n, Sum<T> scale, Sum<T>* __restrict acc) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    const Sums<T> term = scale * Ratio(Load(dy + i), Load(y + i));
    StoreBits(kFirst ? term : LoadBits<Sums<T>>(acc + i) + term, acc + i);
  }
  for (; i < n; ++i) {
    const Sum<T> term = scale * Ratio<Sum<T>>(Widen(dy[i]), Widen(y[i]));
    acc[i] = kFirst ? term : acc[i] + term;
  }
}

// acc[output column, channel] = sum of dy / y over the output rows of the region.
template <typename T>
void SumRatios(const Geometry& g, const Unit& unit, const Region& r, const T* dy, const T* y, Sum<T>* acc) {
  const int64_t columns = r.width_end - r.width_begin;
  const bool whole = unit.run == g.channels;
  const int64_t pieces = whole ? 1 : columns;
  const int64_t length = whole ? columns * unit.run : unit.run;
  for (int64_t d = r.depth_begin; d < r.depth_end; ++d) {
    for (int64_t h = r.height_begin; h < r.height_end; ++h) {
      const int64_t rows = (g.depth.End(d) - g.depth.Begin(d)) * (g.height.End(h) - g.height.Begin(h));
      const Sum<T> scale = g.mean ? Sum<T>(1) / static_cast<Sum<T>>(rows) : Sum<T>(1);
      const int64_t line = (unit.batch * g.depth.out + d) * g.height.out + h;
      int64_t at = (line * g.width.out + r.width_begin) * g.channels + unit.channel;
      for (int64_t piece = 0; piece < pieces; ++piece, at += g.channels) {
        if (d == r.depth_begin && h == r.height_begin) {
          AddRatios<true>(dy + at, y + at, length, scale, acc + piece * unit.run);
        } else {
          AddRatios<false>(dy + at, y + at, length, scale, acc + piece * unit.run);
        }
      }
    }
  }
  for (int64_t o = r.width_begin; g.mean && o < r.width_end; ++o) {
    const Sum<T> scale = Sum<T>(1) / static_cast<Sum<T>>(g.width.End(o) - g.width.Begin(o));
    for (int64_t i = 0; i < unit.run; ++i) acc[(o - r.width_begin) * unit.run + i] *= scale;
  }
}

// dx = x * sum over `count` columns of ratios, for the channels of one input; all sums in registers.
template <typename T>
__attribute__((noinline)) void ScaleChannels(int64_t run, int64_t count, const T* x, const Sum<T>* ratios, T* dx) {
  OverVectors<kGroup<T>, kLanes<T>>(run, [&](int64_t c, int64_t, auto vectors) {
    constexpr int kVectors = decltype(vectors)::kCount;
    Sums<T> sums[kVectors];
    for (int v = 0; v < kVectors; ++v) sums[v] = LoadBits<Sums<T>>(ratios + c + v * kLanes<T>);
    for (int64_t column = 1; column < count; ++column) {
      for (int v = 0; v < kVectors; ++v) sums[v] += LoadBits<Sums<T>>(ratios + column * run + c + v * kLanes<T>);
    }
    for (int v = 0; v < kVectors; ++v) Store(Load(x + c + v * kLanes<T>) * sums[v], dx + c + v * kLanes<T>);
  });
}

// A stretch of columns [begin, end) of one row of inputs, and the first output whose ratio is known.
struct Stretch {
  int64_t begin, end, first, last;
};

// dx of one stretch, column by column: for rows of channels. Columns that no window holds get zeros.
template <typename T>
void ScaleColumns(const Axis& width, const Stretch& s, int64_t run, int64_t channels, const T* x,
                  const Sum<T>* ratios, T* dx) {
  int64_t from = s.first;
  int64_t to = s.first;
  for (int64_t k = s.begin; k < s.end; ++k, x += channels, dx += channels) {
    while (from < s.last && width.End(from) <= k) ++from;
    while (to < s.last && width.Begin(to) <= k) ++to;
    if (from < to) {
      ScaleChannels(run, to - from, x, ratios + (from - s.first) * run, dx);
    } else {
      __builtin_memset(dx, 0, run * sizeof(T));
    }
  }
}

// The same for few channels: the sums of ratios are laid out first, so that whole rows are long enough for vectors.
template <typename T>
void ScaleStretch(const Axis& width, const Stretch& s, int64_t channels, const T* x, const Sum<T>* ratios,
                  Sum<T>* sums, T* dx) {
  const int64_t n = (s.end - s.begin) * channels;
  for (int64_t i = 0; i < n; ++i) sums[i] = 0;
  for (int64_t o = s.first; o < s.last; ++o, ratios += channels) {
    const int64_t stop = Min(width.End(o), s.end);
    for (int64_t k = Max(width.Begin(o), s.begin); k < stop; ++k) {
      for (int64_t c = 0; c < channels; ++c) sums[(k - s.begin) * channels + c] += ratios[c];
    }
  }
  for (int64_t i = 0; i < n; ++i) Narrow(Sum<T>(Widen(x[i])) * sums[i], &dx[i]);
  // Zeros where no window is, even if x is infinite or NaN there.
  int64_t seen = s.begin;
  for (int64_t o = s.first; o <= s.last; ++o) {
    const int64_t gap = (o < s.last ? Min(width.Begin(o), s.end) : s.end) - seen;
    if (gap > 0) __builtin_memset(dx + (seen - s.begin) * channels, 0, gap * channels * sizeof(T));
    if (o < s.last) seen = Max(seen, Min(width.End(o), s.end));
  }
}

// Rows from `unit` on that the same windows hold; they share the ratios of these windows.
int64_t AlikeRows(const Geometry& g, const Unit& unit, int64_t most) {
  int64_t rows = 1;
  while (g.ChannelBlocks() == 1 && rows < most && unit.height + rows < g.height.in &&
         g.height.First(unit.height + rows) == g.height.First(unit.height) &&
         g.height.Last(unit.height + rows) == g.height.Last(unit.height)) {
    ++rows;
  }
  return rows;
}

template <typename T>
void Spread(const Geometry& g, const T* x, const T* y, const T* dy, T* dx, int64_t begin, int64_t end,
            void* scratch) {
  Sum<T>* const ratios = static_cast<Sum<T>*>(scratch);
  for (int64_t index = begin, rows; index < end; index += rows) {
    const Unit unit = Locate(g, index, g.depth.in, g.height.in);
    Region r = {g.depth.First(unit.depth), g.depth.Last(unit.depth), g.height.First(unit.height),
                g.height.Last(unit.height), 0, 0};
    const bool held = r.depth_begin < r.depth_end && r.height_begin < r.height_end;
    const bool wide = unit.run >= kLanes<T>;
    rows = AlikeRows(g, unit, end - index);
    const int64_t line = (unit.batch * g.depth.in + unit.depth) * g.height.in + unit.height;
    const int64_t room = kBufferBytes / static_cast<int64_t>(sizeof(Sum<T>)) / unit.run;
    const int64_t fit = (room - 1) * g.width.stride - g.width.window + 1;
    const int64_t step = Max(1, wide ? fit : Min(fit, room));
    for (int64_t w = 0; w < g.width.in; w += step) {
      Stretch s = {w, Min(w + step, g.width.in), 0, 0};
      if (held) {
        s.first = g.width.First(s.begin);
        s.last = Max(s.first, g.width.Last(s.end - 1));
        r.width_begin = s.first;
        r.width_end = s.last;
        if (s.first < s.last) SumRatios(g, unit, r, dy, y, ratios);
      }
      for (int64_t row = 0; row < rows; ++row) {
        const int64_t at = ((line + row) * g.width.in + w) * g.channels + unit.channel;
        if (wide) {
          ScaleColumns(g.width, s, unit.run, g.channels, x + at, ratios, dx + at);
        } else {
          ScaleStretch(g.width, s, g.channels, x + at, ratios, ratios + (s.last - s.first) * g.channels, dx + at);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tfmed

#endif  // TFMED_OPS_CC_SPREAD_ROWS_H_
