// Pooling window by window, for rows of channels: y = sqrt(scale * sum a a), or scale * (sum a b) / norm. Sums of
// squares are taken in parts; what these cannot hold, and all products of two tensors, in the type of the sums.
#ifndef TFMED_OPS_CC_POOL_WINDOWS_H_
#define TFMED_OPS_CC_POOL_WINDOWS_H_

#include "rows.h"

namespace tfmed {
namespace {

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

// Runs work(i) for every input's place i. A window always holds one: loops that may be empty would keep sums out of
// registers.
template <typename Work>
TFMED_INLINE void OverBox(const Box& box, Work work) {
  int64_t d = 0;
  do {
    int64_t h = 0;
    do {
      int64_t i = d * box.depth_step + h * box.height_step;
      const int64_t last = i + (box.width - 1) * box.width_step;
      do work(i);
      while ((i += box.width_step) <= last);
    } while (++h < box.height);
  } while (++d < box.depth);
}

template <bool kSquare, int kVectors, typename T>
TFMED_INLINE void PoolVectors(const Box& box, Sum<T> scale, const Operands<T>& at) {
  Sums<T> sums[kVectors];
  for (int v = 0; v < kVectors; ++v) sums[v] = Sums<T>{};
  OverBox(box, [&](int64_t i) {
    for (int v = 0; v < kVectors; ++v) {
      const Sums<T> left = Load(at.a + i + v * kLanes<T>);
      sums[v] += left * (kSquare ? left : Load(at.b + i + v * kLanes<T>));
    }
  });
  for (int v = 0; v < kVectors; ++v) sums[v] *= scale;
  for (int v = 0; v < kVectors; ++v) {
    Store(kSquare ? SquareRoot(sums[v]) : Ratio(sums[v], Load(at.norm + v * kLanes<T>)), at.y + v * kLanes<T>);
  }
}

// All channels of one output, all sums in registers.
template <bool kSquare, typename T>
__attribute__((noinline)) void PoolWindow(const Box& box, int64_t run, Sum<T> scale, const Operands<T>& at) {
  OverVectors<kGroup<T>, kLanes<T>>(run, [&](int64_t c, int64_t, auto vectors) {
    PoolVectors<kSquare, decltype(vectors)::kCount>(box, scale, Operands<T>{at.a + c, at.b + c, at.norm + c, at.y + c});
  });
}

// Adds up the squares of a box of at most kPart inputs, and collects their bits. Asks for the inputs that lie
// `ahead` places further on where that is not 0.
template <typename T, int n>
TFMED_INLINE void AddSquares(const Box& box, const T* x, int64_t ahead, Parts<T> (&sums)[n], Words (&seen)[n]) {
  for (int v = 0; v < n; ++v) {
    sums[v] = Parts<T>{};
    seen[v] = Words{};
  }
  OverBox(box, [&](int64_t i) {
    for (int v = 0; v < n; ++v) {
      const Parts<T> value = LoadParts(x + i + v * kPartLanes<T>);
      sums[v] += value * value;
      if (ahead != 0) __builtin_prefetch(x + i + v * kPartLanes<T> + ahead);
      if constexpr (kNarrowParts<T>) seen[v] |= Cast<Words>(value);
    }
  });
}

// The norms of a window from sums in parts where these can be trusted, else from its inputs once more.
template <bool kStream, typename T, int n>
TFMED_INLINE void StoreNorms(const Parts<T> (&sums)[n], const Words (&seen)[n], const Box& box, Sum<T> scale,
                             const T* x, T* y) {
  if constexpr (kNarrowParts<T>) {
    Words trusted = ~Words{};
    for (int v = 0; v < n; ++v) trusted &= Trusted(sums[v], seen[v]);
    if (__builtin_expect(!AllTrue(trusted), 0)) {
      return PoolWindow<true>(box, n * kPartLanes<T>, scale, Operands<T>{x, x, x, y});
    }
  }
  const typename Wide<T>::Part factor = static_cast<typename Wide<T>::Part>(scale);
  for (int v = 0; v < n; ++v, y += kPartLanes<T>) PutBits<kStream>(PackParts(SquareRoot(sums[v] * factor), y), y);
}

// All channels of one output from few inputs; all sums in registers. kStream: outputs go past the caches.
template <bool kStream, typename T>
__attribute__((noinline)) void NormFew(const Box& box, int64_t run, Sum<T> scale, const T* x, T* y) {
  OverVectors<kPartGroup<T>, kPartLanes<T>>(run, [&](int64_t c, int64_t, auto vectors) {
    Parts<T> sums[decltype(vectors)::kCount];
    Words seen[decltype(vectors)::kCount];
    AddSquares(box, x + c, 0, sums, seen);
    StoreNorms<kStream>(sums, seen, box, scale, x + c, y + c);
  });
}

// All channels of one output from many inputs, which are read once, in the order in which they lie. Channels of
// one place lie too far apart for the processor to guess the next piece, so it is asked for.
template <typename T>
struct NormMany {
  Sum<T>* sums;
  uint32_t* seen;

  template <bool kFirst>
  __attribute__((noinline)) void Add(const Box& piece, int64_t run, const T* x) const {
    const int64_t ahead = piece.depth * piece.height * piece.width * piece.width_step;
    OverVectors<kPartGroup<T>, kPartLanes<T>>(run, [&](int64_t c, int64_t slot, auto vectors) {
      Parts<T> part[decltype(vectors)::kCount];
      Words bits[decltype(vectors)::kCount];
      AddSquares(piece, x + c, ahead, part, bits);
      for (int v = 0; v < decltype(vectors)::kCount; ++v, slot += kPartLanes<T>) {
        Fold<kFirst, T>(part[v], sums + slot);
        if constexpr (kNarrowParts<T>) {
          StoreBits(kFirst ? bits[v] : bits[v] | LoadBits<Words>(seen + slot), seen + slot);
        }
      }
    });
  }

  void Store(const Box& box, int64_t run, Sum<T> scale, const T* x, T* y) const {
    OverVectors<kPartGroup<T>, kPartLanes<T>>(run, [&](int64_t c, int64_t slot, auto vectors) {
      Parts<T> totals[decltype(vectors)::kCount];
      Words bits[decltype(vectors)::kCount] = {};
      for (int v = 0; v < decltype(vectors)::kCount; ++v, slot += kPartLanes<T>) {
        totals[v] = Unfold<T>(sums + slot);
        if constexpr (kNarrowParts<T>) bits[v] = LoadBits<Words>(seen + slot);
      }
      StoreNorms<false>(totals, bits, box, scale, x + c, y + c);
    });
  }

  void operator()(const Box& box, int64_t run, Sum<T> scale, const T* x, T* y) const {
    Box most = box;
    most.width = Min(box.width, kPart);
    most.height = Min(box.height, kPart / most.width);
    most.depth = Min(box.depth, kPart / (most.width * most.height));
    Box piece = box;
    for (int64_t d = 0; d < box.depth; d += most.depth) {
      piece.depth = Min(most.depth, box.depth - d);
      for (int64_t h = 0; h < box.height; h += most.height) {
        piece.height = Min(most.height, box.height - h);
        for (int64_t w = 0; w < box.width; w += most.width) {
          piece.width = Min(most.width, box.width - w);
          const T* const at = x + d * box.depth_step + h * box.height_step + w * box.width_step;
          if (d + h + w == 0) {
            Add<true>(piece, run, at);
          } else {
            Add<false>(piece, run, at);
          }
        }
      }
    }
    Store(box, run, scale, x, y);
  }
};

// One row of outputs, window by window: for rows of channels.
template <bool kSquare, typename T>
void PoolWindows(const Geometry& g, const Unit& unit, const Region& r, const Operands<T>& all, bool stream,
                 void* scratch) {
  const auto norm_few = stream ? NormFew<true, T> : NormFew<false, T>;
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
    if (!kSquare || unit.run < kPartLanes<T>) {
      PoolWindow<kSquare>(box, unit.run, scale, Operands<T>{all.a + in, all.b + in, all.norm + out, all.y + out});
    } else if (r.Rows() * box.width <= kPart) {
      norm_few(box, unit.run, scale, all.a + in, all.y + out);
    } else {
      Sum<T>* const sums = static_cast<Sum<T>*>(scratch);
      uint32_t* const seen = reinterpret_cast<uint32_t*>(sums + unit.run + kPartLanes<T>);
      NormMany<T>{sums, seen}(box, unit.run, scale, all.a + in, all.y + out);
    }
  }
}

}  // namespace
}  // namespace tfmed

#endif  // TFMED_OPS_CC_POOL_WINDOWS_H_
