// The CUDA kernels: one thread gathers one element, so that results do not depend on the order of threads. Apart
// from their launch they are plain C++; the tests run this very code on the host, blocks and threads as loops.
#ifndef TFMED_OPS_CC_POOL_KERNELS_CUH_
#define TFMED_OPS_CC_POOL_KERNELS_CUH_

#include "geometry.h"
#include "numeric.h"

namespace tfmed::cuda {

// A sum that carries what each addition lost (Neumaier 1974): consumer GPUs add float64 at a fraction of the speed
// of float32, and windows of thousands of elements need more than float32 alone gives.
template <typename S>
struct Compensated {
  S sum = 0;
  S lost = 0;

  TFMED_INLINE void Add(S term) {
    const S next = sum + term;
    lost += fabs(sum) >= fabs(term) ? (sum - next) + term : (term - next) + sum;
    sum = next;
  }

  // Infinite and NaN sums have lost nothing that matters, but infinity minus itself would be NaN.
  TFMED_INLINE S Total() const { return isfinite(sum) ? sum + lost : sum; }
};

struct Place {
  int64_t batch, depth, height, width, channel;
};

TFMED_INLINE Place Locate(int64_t index, int64_t depths, int64_t heights, int64_t widths, int64_t channels) {
  Place place;
  place.channel = index % channels;
  index /= channels;
  place.width = index % widths;
  index /= widths;
  place.height = index % heights;
  index /= heights;
  place.depth = index % depths;
  place.batch = index / depths;
  return place;
}

// What T is summed in here, and by how much x is multiplied to bring its square into range.
template <typename T>
struct Arithmetic {
  using Sum = float;
};
template <>
struct Arithmetic<double> {
  using Sum = double;
};

// The sum of scaled products over the window of one output, and how many inputs it holds.
template <typename T, typename S>
TFMED_INLINE S SumWindow(const Geometry& g, const Place& out, const T* a, const T* b, S factor, int64_t* count) {
  Compensated<S> sum;
  const int64_t w0 = g.width.Begin(out.width);
  const int64_t w1 = g.width.End(out.width);
  const int64_t h0 = g.height.Begin(out.height);
  const int64_t h1 = g.height.End(out.height);
  const int64_t d0 = g.depth.Begin(out.depth);
  const int64_t d1 = g.depth.End(out.depth);
  for (int64_t d = d0; d < d1; ++d) {
    for (int64_t h = h0; h < h1; ++h) {
      const int64_t line = (out.batch * g.depth.in + d) * g.height.in + h;
      for (int64_t w = w0; w < w1; ++w) {
        const int64_t at = (line * g.width.in + w) * g.channels + out.channel;
        sum.Add((S(Widen(a[at])) * factor) * (S(Widen(b[at])) * factor));
      }
    }
  }
  *count = (d1 - d0) * (h1 - h0) * (w1 - w0);
  return sum.Total();
}

// Squares of float32 beyond 1e19 overflow and below 1e-19 vanish; such windows are summed once more, scaled by a
// power of two, which changes no digit.
TFMED_INLINE float Rescue(float sum) {
  if (sum < 0x1p-80f) return 0x1p70f;
  if (!(sum <= 0x1p100f)) return 0x1p-80f;
  return 1;
}
TFMED_INLINE double Rescue(double) { return 1; }

template <typename T>
TFMED_INLINE void NormOne(const Geometry& g, int64_t index, const T* x, T* y) {
  using S = typename Arithmetic<T>::Sum;
  const Place out = Locate(index, g.depth.out, g.height.out, g.width.out, g.channels);
  int64_t count;
  S sum = SumWindow<T, S>(g, out, x, x, 1, &count);
  const S factor = Rescue(sum);
  if (factor != 1) sum = SumWindow<T, S>(g, out, x, x, factor, &count);
  Narrow(sqrt(g.mean ? sum / S(count) : sum) / factor, &y[index]);
}

template <typename T>
TFMED_INLINE void InnerOne(const Geometry& g, int64_t index, const T* x, const T* v, const T* y, T* p) {
  using S = typename Arithmetic<T>::Sum;
  const Place out = Locate(index, g.depth.out, g.height.out, g.width.out, g.channels);
  int64_t count;
  const S sum = SumWindow<T, S>(g, out, x, v, 1, &count);
  const S norm = Widen(y[index]);
  Narrow(norm == 0 ? S(0) : (g.mean ? sum / S(count) : sum) / norm, &p[index]);
}

template <typename T>
TFMED_INLINE void SpreadOne(const Geometry& g, int64_t index, const T* x, const T* y, const T* dy, T* dx) {
  using S = typename Arithmetic<T>::Sum;
  const Place in = Locate(index, g.depth.in, g.height.in, g.width.in, g.channels);
  const int64_t w0 = g.width.First(in.width);
  const int64_t w1 = g.width.Last(in.width);
  const int64_t h0 = g.height.First(in.height);
  const int64_t h1 = g.height.Last(in.height);
  const int64_t d0 = g.depth.First(in.depth);
  const int64_t d1 = g.depth.Last(in.depth);
  Compensated<S> sum;
  for (int64_t d = d0; d < d1; ++d) {
    for (int64_t h = h0; h < h1; ++h) {
      const int64_t line = (in.batch * g.depth.out + d) * g.height.out + h;
      const int64_t rows = (g.depth.End(d) - g.depth.Begin(d)) * (g.height.End(h) - g.height.Begin(h));
      for (int64_t w = w0; w < w1; ++w) {
        const int64_t at = (line * g.width.out + w) * g.channels + in.channel;
        const S norm = Widen(y[at]);
        const S ratio = norm == 0 ? S(0) : S(Widen(dy[at])) / norm;
        sum.Add(g.mean ? ratio / S(rows * (g.width.End(w) - g.width.Begin(w))) : ratio);
      }
    }
  }
  const bool held = w0 < w1 && h0 < h1 && d0 < d1;
  Narrow(held ? S(Widen(x[index])) * sum.Total() : S(0), &dx[index]);
}

// Grids need not cover the tensor: each thread strides over it.
template <typename T>
__global__ void NormKernel(Geometry g, int64_t size, const T* __restrict__ x, T* __restrict__ y) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) NormOne(g, i, x, y);
}

template <typename T>
__global__ void InnerKernel(Geometry g, int64_t size, const T* __restrict__ x, const T* __restrict__ v,
                            const T* __restrict__ y, T* __restrict__ p) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    InnerOne(g, i, x, v, y, p);
  }
}

template <typename T>
__global__ void SpreadKernel(Geometry g, int64_t size, const T* __restrict__ x, const T* __restrict__ y,
                             const T* __restrict__ dy, T* __restrict__ dx) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    SpreadOne(g, i, x, y, dy, dx);
  }
}

}  // namespace tfmed::cuda

#endif  // TFMED_OPS_CC_POOL_KERNELS_CUH_
