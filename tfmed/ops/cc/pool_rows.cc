// The pooling kernels, row by row. With channels last and enough of them to fill a vector, a window is summed in
// registers; with fewer, whole rows are summed first. The gradient works on one row of inputs at a time: the
// windows over it, summed over their rows into a buffer that fits the first-level cache, then along the width.
//
// This file is compiled once for each instruction set, with TFMED_ISA naming it. All but the tables at the
// end has internal linkage, and nothing of the standard library is included: a template instantiated here with
// newer instructions must never be the copy that the linker keeps for the rest of the program.
#include "pool_rows.h"

#include "lanes.h"

namespace tfmed {
namespace {

// Vectors that a loop keeps in registers at once; the rest of the registers hold what is loaded.
template <typename T>
constexpr int kGroup = 32 / kLanes<T> < 8 ? 32 / kLanes<T> : 8;

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
  unit.channel = index % blocks * g.channel_block;
  unit.run = Min(g.channel_block, g.channels - unit.channel);
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

template <int n>
struct Vectors {
  static constexpr int kCount = n;
};

// Runs work(c, vectors) over the channels [0, run), in groups of vectors that fit the registers; the last vector
// overlaps the one before where they do not fill the run, so `run` must be kLanes<T> at least.
template <typename T, typename Work>
TFMED_INLINE void OverVectors(int64_t run, Work work) {
  int64_t c = 0;
  for (; c + kGroup<T> * kLanes<T> <= run; c += kGroup<T> * kLanes<T>) work(c, Vectors<kGroup<T>>());
  for (; c < run; c += kLanes<T>) work(Min(c, run - kLanes<T>), Vectors<1>());
}

// ---- Pooling: y = sqrt(scale * sum a a) if kSquare, else scale * (sum a b) / norm.

// What is pooled, each pointer at its tensor's first element.
template <typename T>
struct Operands {
  const T* a;
  const T* b;
  const T* norm;
  T* y;
};

// The inputs of one window, from its first element: how many there are along each axis and how far apart.
struct Box {
  int64_t depth, height, width, depth_step, height_step, width_step;
};

template <bool kSquare, int kVectors, typename T>
TFMED_INLINE void PoolVectors(const Box& box, Sum<T> scale, const Operands<T>& at) {
  Sums<T> sums[kVectors] = {};
  for (int64_t d = 0; d < box.depth; ++d) {
    for (int64_t h = 0; h < box.height; ++h) {
      const int64_t start = d * box.depth_step + h * box.height_step;
      for (int64_t i = start; i < start + box.width * box.width_step; i += box.width_step) {
        for (int v = 0; v < kVectors; ++v) {
          const Sums<T> left = Load(at.a + i + v * kLanes<T>);
          sums[v] += left * (kSquare ? left : Load(at.b + i + v * kLanes<T>));
        }
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) sums[v] *= scale;
  if (kSquare) {
    StoreRoots(sums, at.y);
  } else {
    for (int v = 0; v < kVectors; ++v) Store(Ratio(sums[v], Load(at.norm + v * kLanes<T>)), at.y + v * kLanes<T>);
  }
}

// All channels of one output, all sums in registers.
template <bool kSquare, typename T>
__attribute__((noinline)) void PoolWindow(const Box& box, int64_t run, Sum<T> scale, const Operands<T>& at) {
  OverVectors<T>(run, [&](int64_t c, auto vectors) {
    PoolVectors<kSquare, decltype(vectors)::kCount>(box, scale, Operands<T>{at.a + c, at.b + c, at.norm + c, at.y + c});
  });
}

// One row of outputs, window by window: for rows of channels.
template <bool kSquare, typename T>
void PoolWindows(const Geometry& g, const Unit& unit, const Region& r, const Operands<T>& all) {
  Box box;
  box.depth = r.depth_end - r.depth_begin;
  box.height = r.height_end - r.height_begin;
  box.width_step = g.channels;
  box.height_step = g.width.in * box.width_step;
  box.depth_step = g.height.in * box.height_step;
  const int64_t line = (unit.batch * g.depth.in + r.depth_begin) * g.height.in + r.height_begin;
  const int64_t row = line * box.height_step + unit.channel;
  int64_t out = ((unit.batch * g.depth.out + unit.depth) * g.height.out + unit.height) * g.width.out * g.channels +
                unit.channel;
  for (int64_t o = 0; o < g.width.out; ++o, out += g.channels) {
    const int64_t first = g.width.Begin(o);
    box.width = g.width.End(o) - first;
    const Sum<T> scale = g.mean ? Sum<T>(1) / static_cast<Sum<T>>(r.Rows() * box.width) : Sum<T>(1);
    const int64_t in = row + first * g.channels;
    PoolWindow<kSquare>(box, unit.run, scale, Operands<T>{all.a + in, all.b + in, all.norm + out, all.y + out});
  }
}

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

template <bool kSquare, typename T>
void Pool(const Geometry& g, const Operands<T>& all, int64_t begin, int64_t end, void* scratch) {
  for (int64_t index = begin; index < end; ++index) {
    const Unit unit = Locate(g, index, g.depth.out, g.height.out);
    const Region region = {g.depth.Begin(unit.depth), g.depth.End(unit.depth), g.height.Begin(unit.height),
                           g.height.End(unit.height), 0, g.width.in};
    if (unit.run >= kLanes<T>) {
      PoolWindows<kSquare>(g, unit, region, all);
    } else {
      PoolColumns<kSquare>(g, unit, region, all, static_cast<Sum<T>*>(scratch));
    }
  }
}

template <typename T>
void Norm(const Geometry& g, const T* x, T* y, int64_t begin, int64_t end, void* scratch) {
  Pool<true>(g, Operands<T>{x, x, x, y}, begin, end, scratch);
}

template <typename T>
void Inner(const Geometry& g, const T* x, const T* v, const T* y, T* p, int64_t begin, int64_t end, void* scratch) {
  Pool<false>(g, Operands<T>{x, v, y, p}, begin, end, scratch);
}

// ---- Spreading: dx = x * sum of dy / y over the windows that hold an input.

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
  OverVectors<T>(run, [&](int64_t c, auto vectors) {
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

template <typename T>
constexpr RowKernels<T> kTable = {Norm<T>, Spread<T>, Inner<T>};

}  // namespace

namespace TFMED_ISA {

extern const RowKernels<Half> half_kernels = kTable<Half>;
extern const RowKernels<BFloat16> bfloat16_kernels = kTable<BFloat16>;
extern const RowKernels<float> float_kernels = kTable<float>;
extern const RowKernels<double> double_kernels = kTable<double>;

}  // namespace TFMED_ISA
}  // namespace tfmed
