// Spreading: dx = x * sum of dy / y over the windows that hold an input. One row of inputs at a time: the windows
// over it, summed over their rows into a buffer that fits the first-level cache, then along the width.
#ifndef TFMED_OPS_CC_SPREAD_ROWS_H_
#define TFMED_OPS_CC_SPREAD_ROWS_H_

#include "pool_rows.h"
#include "rows.h"

namespace tfmed {
namespace {

// How ratios are computed and kept: in sums, which hold them all. kStream: dx goes past the caches.
template <typename T, bool kStream>
struct InSums {
  using Element = T;
  using Number = Sum<T>;
  using Lanes = Sums<T>;
  static constexpr int kCount = kLanes<T>;
  static constexpr int kAtOnce = kGroup<T>;
  static constexpr bool kChecked = false;

  static TFMED_INLINE Lanes Read(const T* from) { return Load(from); }
  static TFMED_INLINE void Write(Lanes value, T* to) { PutBits<kStream>(Pack(value, to), to); }
};

// Or float32 in float32, which takes half the instructions: for whole registers, and few windows over an input.
template <bool kStream>
struct InFloats {
  using Element = float;
  using Number = float;
  using Lanes = Parts<float>;
  static constexpr int kCount = kPartLanes<float>;
  static constexpr int kAtOnce = kPartGroup<float>;
  static constexpr bool kChecked = true;

  static TFMED_INLINE Lanes Read(const float* from) { return LoadBits<Lanes>(from); }
  static TFMED_INLINE void Write(Lanes value, float* to) { PutBits<kStream>(value, to); }
};

// Terms of float32, of which each adds half a step, 2^-24, to the relative error, that keep it below 6e-7.
constexpr int64_t kFewRatios = 8;

bool FitFloats(const Geometry& g, const Unit& unit) {
  const auto cover = [](const Axis& a) { return Min(a.out, (a.window + a.stride - 1) / a.stride); };
  return unit.run % kPartLanes<float> == 0 && cover(g.depth) * cover(g.height) * cover(g.width) <= kFewRatios;
}

// acc_i (+)= scale * dy_i / y_i. Whether all can be trusted, in what they are kept in.
template <bool kFirst, typename Kept, typename T = typename Kept::Element>
bool AddRatios(const T* dy, const T* y, int64_t n, typename Kept::Number scale, typename Kept::Number* __restrict acc) {
  using Lanes = typename Kept::Lanes;
  Words trusted = ~Words{};
  int64_t i = 0;
  for (; i + Kept::kCount <= n; i += Kept::kCount) {
    const Lanes above = Kept::Read(dy + i);
    const Lanes below = Kept::Read(y + i);
    Lanes term = Ratio(above, below);
    if constexpr (Kept::kChecked) trusted &= Trusted(Absolute(term), Cast<Words>(above) & Cast<Words>(below != 0));
    term = term * scale;
    if (!kFirst) term += LoadBits<Lanes>(acc + i);
    StoreBits(term, acc + i);
  }
  for (; i < n; ++i) {
    const typename Kept::Number term = scale * Ratio<typename Kept::Number>(Widen(dy[i]), Widen(y[i]));
    acc[i] = kFirst ? term : acc[i] + term;
  }
  return !Kept::kChecked || AllTrue(trusted);
}

// acc[output column, channel] = sum of dy / y over the output rows of the region; whether they can be trusted.
template <typename Kept, typename T = typename Kept::Element>
bool SumRatios(const Geometry& g, const Unit& unit, const Region& r, const T* dy, const T* y,
               typename Kept::Number* acc) {
  using Number = typename Kept::Number;
  const int64_t columns = r.width_end - r.width_begin;
  const bool whole = unit.run == g.channels;
  const int64_t pieces = whole ? 1 : columns;
  const int64_t length = whole ? columns * unit.run : unit.run;
  bool trusted = true;
  for (int64_t d = r.depth_begin; d < r.depth_end; ++d) {
    for (int64_t h = r.height_begin; h < r.height_end; ++h) {
      const int64_t rows = (g.depth.End(d) - g.depth.Begin(d)) * (g.height.End(h) - g.height.Begin(h));
      const Number scale = g.mean ? Number(1) / static_cast<Number>(rows) : Number(1);
      const int64_t line = (unit.batch * g.depth.out + d) * g.height.out + h;
      int64_t at = (line * g.width.out + r.width_begin) * g.channels + unit.channel;
      for (int64_t piece = 0; piece < pieces; ++piece, at += g.channels) {
        Number* const to = acc + piece * unit.run;
        trusted &= d == r.depth_begin && h == r.height_begin
                       ? AddRatios<true, Kept>(dy + at, y + at, length, scale, to)
                       : AddRatios<false, Kept>(dy + at, y + at, length, scale, to);
      }
    }
  }
  for (int64_t o = r.width_begin; g.mean && o < r.width_end; ++o) {
    const Number scale = Number(1) / static_cast<Number>(g.width.End(o) - g.width.Begin(o));
    for (int64_t i = 0; i < unit.run; ++i) acc[(o - r.width_begin) * unit.run + i] *= scale;
  }
  return trusted;
}

// dx = x * sum over `count` columns of ratios, for the channels of one input; all sums in registers.
template <typename Kept, typename T = typename Kept::Element>
__attribute__((noinline)) void ScaleChannels(int64_t run, int64_t count, const T* x,
                                             const typename Kept::Number* ratios, T* dx) {
  using Lanes = typename Kept::Lanes;
  constexpr int kCount = Kept::kCount;
  OverVectors<Kept::kAtOnce, kCount>(run, [&](int64_t c, int64_t, auto vectors) {
    constexpr int kVectors = decltype(vectors)::kCount;
    Lanes sums[kVectors];
    for (int v = 0; v < kVectors; ++v) sums[v] = LoadBits<Lanes>(ratios + c + v * kCount);
    for (int64_t column = 1; column < count; ++column) {
      for (int v = 0; v < kVectors; ++v) sums[v] += LoadBits<Lanes>(ratios + column * run + c + v * kCount);
    }
    for (int v = 0; v < kVectors; ++v) Kept::Write(Kept::Read(x + c + v * kCount) * sums[v], dx + c + v * kCount);
  });
}

// A stretch of columns [begin, end) of one row of inputs, and the first output whose ratio is known.
struct Stretch {
  int64_t begin, end, first, last;
};

// dx of one stretch, column by column: for rows of channels. Columns that no window holds get zeros.
template <typename Kept, typename T = typename Kept::Element>
void ScaleColumns(const Axis& width, const Stretch& s, int64_t run, int64_t channels, const T* x,
                  const typename Kept::Number* ratios, T* dx) {
  int64_t from = s.first;
  int64_t to = s.first;
  for (int64_t k = s.begin; k < s.end; ++k, x += channels, dx += channels) {
    while (from < s.last && width.End(from) <= k) ++from;
    while (to < s.last && width.Begin(to) <= k) ++to;
    if (from < to) {
      ScaleChannels<Kept>(run, to - from, x, ratios + (from - s.first) * run, dx);
    } else {
      __builtin_memset(dx, 0, run * sizeof(T));
    }
  }
}

// The same for few channels: the sums of ratios are laid out first, so that whole rows are long enough for vectors.
template <typename T, typename Number>
void ScaleStretch(const Axis& width, const Stretch& s, int64_t channels, const T* x, const Number* ratios,
                  Number* sums, T* dx) {
  const int64_t n = (s.end - s.begin) * channels;
  for (int64_t i = 0; i < n; ++i) sums[i] = 0;
  for (int64_t o = s.first; o < s.last; ++o, ratios += channels) {
    const int64_t stop = Min(width.End(o), s.end);
    for (int64_t k = Max(width.Begin(o), s.begin); k < stop; ++k) {
      for (int64_t c = 0; c < channels; ++c) sums[(k - s.begin) * channels + c] += ratios[c];
    }
  }
  for (int64_t i = 0; i < n; ++i) Narrow(Number(Widen(x[i])) * sums[i], &dx[i]);
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

// What a gradient is made of, each pointer at its tensor's first element.
template <typename T>
struct Gradient {
  const T* x;
  const T* y;
  const T* dy;
  T* dx;
};

// dx of one stretch of `rows` rows that the windows of `r` hold. False where its ratios can't be trusted; then
// nothing is written.
template <typename Kept, typename T>
bool SpreadStretch(const Geometry& g, const Unit& unit, Region r, const Stretch& s, int64_t rows,
                   const Gradient<T>& all, void* scratch) {
  typename Kept::Number* const ratios = static_cast<typename Kept::Number*>(scratch);
  if (s.first < s.last) {
    r.width_begin = s.first;
    r.width_end = s.last;
    if (!SumRatios<Kept>(g, unit, r, all.dy, all.y, ratios)) return false;
  }
  const int64_t line = (unit.batch * g.depth.in + unit.depth) * g.height.in + unit.height;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t at = ((line + row) * g.width.in + s.begin) * g.channels + unit.channel;
    if (unit.run >= Kept::kCount) {
      ScaleColumns<Kept>(g.width, s, unit.run, g.channels, all.x + at, ratios, all.dx + at);
    } else {
      ScaleStretch(g.width, s, g.channels, all.x + at, ratios, ratios + (s.last - s.first) * g.channels, all.dx + at);
    }
  }
  return true;
}

// The same in what holds the ratios.
template <bool kStream, typename T>
void SpreadBest(const Geometry& g, const Unit& unit, const Region& r, const Stretch& s, int64_t rows,
                const Gradient<T>& all, void* scratch) {
  if constexpr (kNarrowParts<T>) {
    if (FitFloats(g, unit) && SpreadStretch<InFloats<kStream>>(g, unit, r, s, rows, all, scratch)) return;
  }
  SpreadStretch<InSums<T, kStream>>(g, unit, r, s, rows, all, scratch);
}

template <typename T>
void Spread(const Geometry& g, const T* x, const T* y, const T* dy, T* dx, int64_t begin, int64_t end,
            void* scratch) {
  const Gradient<T> all = {x, y, dy, dx};
  const auto spread = FitStreams(g, dx, 2) ? SpreadBest<true, T> : SpreadBest<false, T>;
  for (int64_t index = begin, rows; index < end; index += rows) {
    const Unit unit = Locate(g, index, g.depth.in, g.height.in);
    const Region r = {g.depth.First(unit.depth), g.depth.Last(unit.depth), g.height.First(unit.height),
                      g.height.Last(unit.height), 0, 0};
    const bool held = r.depth_begin < r.depth_end && r.height_begin < r.height_end;
    rows = AlikeRows(g, unit, end - index);
    const int64_t room = kBufferBytes / static_cast<int64_t>(sizeof(Sum<T>)) / unit.run;
    // All columns where the ratios of a whole row fit, however wide its windows: rows then follow one another.
    const int64_t fit = g.width.out <= room ? g.width.in : (room - 1) * g.width.stride - g.width.window + 1;
    const int64_t step = Max(1, unit.run >= kLanes<T> ? fit : Min(fit, room));
    for (int64_t w = 0; w < g.width.in; w += step) {
      Stretch s = {w, Min(w + step, g.width.in), 0, 0};
      if (held) {
        s.first = g.width.First(s.begin);
        s.last = Max(s.first, g.width.Last(s.end - 1));
      }
      spread(g, unit, r, s, rows, all, scratch);
    }
  }
  EndStreams();
}

}  // namespace
}  // namespace tfmed

#endif  // TFMED_OPS_CC_SPREAD_ROWS_H_
