// Separable pooling over rows: first down the columns of a window (depth and height), where all loops run
// over contiguous memory, then along the width inside a buffer that fits the first-level cache.
//
// This file is compiled once for each instruction set, with TFMED_ISA naming it. All but the tables at the
// end has internal linkage, and nothing of the standard library is included: a template instantiated here with
// newer instructions must never be the copy that the linker keeps for the rest of the program.
#include "pool_rows.h"

namespace tfmed {
namespace {

// Sums of float32 are kept in float64: no square of a float32 overflows or vanishes there, and no window is
// too long for the rounding to matter. Half types are summed in float32.
template <typename T>
struct Wide {
  using Sum = float;
};
template <>
struct Wide<float> {
  using Sum = double;
};
template <>
struct Wide<double> {
  using Sum = double;
};

constexpr int64_t kBufferBytes = 16 * 1024;

TFMED_INLINE int64_t Min(int64_t a, int64_t b) { return a < b ? a : b; }

TFMED_INLINE int64_t Max(int64_t a, int64_t b) { return a > b ? a : b; }

TFMED_INLINE float SquareRoot(float value) { return __builtin_sqrtf(value); }

TFMED_INLINE double SquareRoot(double value) { return __builtin_sqrt(value); }

template <typename Sum>
TFMED_INLINE Sum Ratio(Sum a, Sum norm) {
  const Sum quotient = a / norm;
  return norm == 0 ? 0 : quotient;
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

// acc_i (+)= sum over the rows of a_i b_i.
template <int kRows, bool kFirst, bool kSquare, typename T, typename Sum>
void AddProducts(const T* const* a, const T* const* b, int64_t n, Sum* __restrict acc) {
  const T* left[kRows];
  const T* right[kRows];
  for (int r = 0; r < kRows; ++r) {
    left[r] = a[r];
    right[r] = kSquare ? a[r] : b[r];
  }
  for (int64_t i = 0; i < n; ++i) {
    Sum sum = kFirst ? Sum(0) : acc[i];
    for (int r = 0; r < kRows; ++r) {
      const Sum value = Widen(left[r][i]);
      sum += value * (kSquare ? value : Sum(Widen(right[r][i])));
    }
    acc[i] = sum;
  }
}

template <int kRows, bool kSquare, typename T, typename Sum>
void AddRows(const T* const* a, const T* const* b, int64_t n, bool first, Sum* acc) {
  if (first) {
    AddProducts<kRows, true, kSquare>(a, b, n, acc);
  } else {
    AddProducts<kRows, false, kSquare>(a, b, n, acc);
  }
}

// A stretch of columns [begin, end) of one unit, and the rows that its windows hold.
struct Columns {
  int64_t begin, end, depth_begin, depth_end, height_begin, height_end;
};

// acc[column, channel] = sum over depth and height of a b.
template <bool kSquare, typename T, typename Sum>
void SumColumns(const Geometry& g, const Unit& unit, const Columns& c, const T* a, const T* b, Sum* acc) {
  constexpr int kRows = 4;
  const bool whole = unit.run == g.channels;
  const int64_t pieces = whole ? 1 : c.end - c.begin;
  const int64_t length = whole ? (c.end - c.begin) * unit.run : unit.run;
  const int64_t heights = c.height_end - c.height_begin;
  const int64_t rows = (c.depth_end - c.depth_begin) * heights;
  for (int64_t row = 0; row < rows; row += kRows) {
    const int count = static_cast<int>(Min(kRows, rows - row));
    const T* left[kRows];
    const T* right[kRows];
    for (int r = 0; r < count; ++r) {
      const int64_t d = c.depth_begin + (row + r) / heights;
      const int64_t h = c.height_begin + (row + r) % heights;
      const int64_t line = (unit.batch * g.depth.in + d) * g.height.in + h;
      const int64_t offset = (line * g.width.in + c.begin) * g.channels + unit.channel;
      left[r] = a + offset;
      right[r] = b + offset;
    }
    for (int64_t piece = 0; piece < pieces; ++piece) {
      Sum* out = acc + piece * unit.run;
      switch (count) {
        case 1: AddRows<1, kSquare>(left, right, length, row == 0, out); break;
        case 2: AddRows<2, kSquare>(left, right, length, row == 0, out); break;
        case 3: AddRows<3, kSquare>(left, right, length, row == 0, out); break;
        default: AddRows<4, kSquare>(left, right, length, row == 0, out);
      }
      for (int r = 0; r < count; ++r) {
        left[r] += g.channels;
        right[r] += g.channels;
      }
    }
  }
}

// out_c = scale * sum over `count` columns of acc[column, c].
template <typename Sum>
void SumWidth(const Sum* acc, int64_t count, int64_t run, Sum scale, Sum* __restrict out) {
  for (int64_t c = 0; c < run; ++c) out[c] = acc[c];
  for (int64_t column = 1; column < count; ++column) {
    for (int64_t c = 0; c < run; ++c) out[c] += acc[column * run + c];
  }
  for (int64_t c = 0; c < run; ++c) out[c] *= scale;
}

// kSquare: y = sqrt(sum a a); otherwise y = (sum a b) / norm.
template <bool kSquare, typename T>
void Pool(const Geometry& g, const T* a, const T* b, const T* norm, T* y, int64_t begin, int64_t end,
          void* scratch) {
  using Sum = typename Wide<T>::Sum;
  Sum* const columns = static_cast<Sum*>(scratch);
  for (int64_t index = begin; index < end; ++index) {
    const Unit unit = Locate(g, index, g.depth.out, g.height.out);
    Columns c;
    c.depth_begin = g.depth.Begin(unit.depth);
    c.depth_end = g.depth.End(unit.depth);
    c.height_begin = g.height.Begin(unit.height);
    c.height_end = g.height.End(unit.height);
    const int64_t rows = (c.depth_end - c.depth_begin) * (c.height_end - c.height_begin);
    const int64_t line = (unit.batch * g.depth.out + unit.depth) * g.height.out + unit.height;
    const int64_t room = kBufferBytes / static_cast<int64_t>(sizeof(Sum)) / unit.run;
    const int64_t step = Max(1, (room - g.width.window) / g.width.stride + 1);
    for (int64_t o = 0; o < g.width.out; o += step) {
      const int64_t stop = Min(o + step, g.width.out);
      c.begin = g.width.Begin(o);
      c.end = g.width.End(stop - 1);
      SumColumns<kSquare>(g, unit, c, a, b, columns);
      Sum* const sums = columns + (c.end - c.begin) * unit.run;
      for (int64_t k = o; k < stop; ++k) {
        const int64_t first = g.width.Begin(k);
        const int64_t count = g.width.End(k) - first;
        const Sum scale = g.mean ? Sum(1) / static_cast<Sum>(rows * count) : Sum(1);
        SumWidth(columns + (first - c.begin) * unit.run, count, unit.run, scale, sums);
        const int64_t offset = (line * g.width.out + k) * g.channels + unit.channel;
        for (int64_t i = 0; i < unit.run; ++i) {
          const Sum value = kSquare ? SquareRoot(sums[i]) : Ratio<Sum>(sums[i], Widen(norm[offset + i]));
          Narrow(value, &y[offset + i]);
        }
      }
    }
  }
}

template <typename T>
void Norm(const Geometry& g, const T* x, T* y, int64_t begin, int64_t end, void* scratch) {
  Pool<true>(g, x, x, x, y, begin, end, scratch);
}

template <typename T>
void Inner(const Geometry& g, const T* x, const T* v, const T* y, T* p, int64_t begin, int64_t end,
           void* scratch) {
  Pool<false>(g, x, v, y, p, begin, end, scratch);
}

// acc_i (+)= scale * dy_i / y_i.
template <typename T, typename Sum>
void AddRatios(const T* dy, const T* y, int64_t n, Sum scale, bool first, Sum* __restrict acc) {
  if (first) {
    for (int64_t i = 0; i < n; ++i) acc[i] = scale * Ratio<Sum>(Widen(dy[i]), Widen(y[i]));
  } else {
    for (int64_t i = 0; i < n; ++i) acc[i] += scale * Ratio<Sum>(Widen(dy[i]), Widen(y[i]));
  }
}

// acc[output column, channel] = sum of dy / y over the output rows whose windows hold the unit's row.
template <typename T, typename Sum>
void SumRatios(const Geometry& g, const Unit& unit, const Columns& c, const T* dy, const T* y, Sum* acc) {
  const bool whole = unit.run == g.channels;
  const int64_t pieces = whole ? 1 : c.end - c.begin;
  const int64_t length = whole ? (c.end - c.begin) * unit.run : unit.run;
  for (int64_t d = c.depth_begin; d < c.depth_end; ++d) {
    for (int64_t h = c.height_begin; h < c.height_end; ++h) {
      const int64_t rows = (g.depth.End(d) - g.depth.Begin(d)) * (g.height.End(h) - g.height.Begin(h));
      const Sum scale = g.mean ? Sum(1) / static_cast<Sum>(rows) : Sum(1);
      const bool first = d == c.depth_begin && h == c.height_begin;
      const int64_t line = (unit.batch * g.depth.out + d) * g.height.out + h;
      const int64_t offset = (line * g.width.out + c.begin) * g.channels + unit.channel;
      for (int64_t piece = 0; piece < pieces; ++piece) {
        const int64_t at = offset + piece * g.channels;
        AddRatios(dy + at, y + at, length, scale, first, acc + piece * unit.run);
      }
    }
  }
  if (!g.mean) return;
  for (int64_t o = c.begin; o < c.end; ++o) {
    const Sum scale = Sum(1) / static_cast<Sum>(g.width.End(o) - g.width.Begin(o));
    for (int64_t i = 0; i < unit.run; ++i) acc[(o - c.begin) * unit.run + i] *= scale;
  }
}

// dx_c = x_c * sum over `count` output columns of ratios[column, c].
template <typename T, typename Sum>
void ScaleBySum(const T* x, const Sum* ratios, int64_t count, int64_t run, T* __restrict dx) {
  if (count == 1) {
    for (int64_t c = 0; c < run; ++c) Narrow(Sum(Widen(x[c])) * ratios[c], &dx[c]);
    return;
  }
  for (int64_t c = 0; c < run; ++c) {
    Sum sum = 0;
    for (int64_t column = 0; column < count; ++column) sum += ratios[column * run + c];
    Narrow(count == 0 ? Sum(0) : Sum(Widen(x[c])) * sum, &dx[c]);
  }
}

template <typename T>
void Spread(const Geometry& g, const T* x, const T* y, const T* dy, T* dx, int64_t begin, int64_t end,
            void* scratch) {
  using Sum = typename Wide<T>::Sum;
  Sum* const ratios = static_cast<Sum*>(scratch);
  for (int64_t index = begin; index < end; ++index) {
    const Unit unit = Locate(g, index, g.depth.in, g.height.in);
    Columns c;
    c.depth_begin = g.depth.First(unit.depth);
    c.depth_end = g.depth.Last(unit.depth);
    c.height_begin = g.height.First(unit.height);
    c.height_end = g.height.Last(unit.height);
    const bool seen = c.depth_begin < c.depth_end && c.height_begin < c.height_end;
    const int64_t line = (unit.batch * g.depth.in + unit.depth) * g.height.in + unit.height;
    const int64_t room = kBufferBytes / static_cast<int64_t>(sizeof(Sum)) / unit.run;
    const int64_t step = Max(1, (room - 1) * g.width.stride - g.width.window + 1);
    for (int64_t w = 0; w < g.width.in; w += step) {
      const int64_t stop = Min(w + step, g.width.in);
      c.begin = g.width.First(w);
      c.end = g.width.Last(stop - 1);
      if (seen && c.begin < c.end) SumRatios(g, unit, c, dy, y, ratios);
      for (int64_t k = w; k < stop; ++k) {
        const int64_t first = g.width.First(k);
        const int64_t count = seen ? Max(0, g.width.Last(k) - first) : 0;
        const int64_t offset = (line * g.width.in + k) * g.channels + unit.channel;
        ScaleBySum(x + offset, ratios + (first - c.begin) * unit.run, count, unit.run, dx + offset);
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
