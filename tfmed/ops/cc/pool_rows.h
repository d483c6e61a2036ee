// The CPU kernels, by rows. They are compiled once for each instruction set; RowKernels picks the best one
// that the running machine has.
#ifndef TFMED_OPS_CC_POOL_ROWS_H_
#define TFMED_OPS_CC_POOL_ROWS_H_

#include <cstdint>

#include "geometry.h"

namespace tfmed {

// A unit of work is a row of the tensor that is written, restricted to one block of channels; units are
// numbered [batch, depth, height, block]. Every function does the units [begin, end) and may use `scratch`,
// ScratchBytes(geometry) bytes aligned to 64.
template <typename T>
struct RowKernels {
  // y_R = sqrt(sum over R of x^2), by rows of y.
  void (*norm)(const Geometry&, const T* x, T* y, int64_t begin, int64_t end, void* scratch);
  // dx_i = x_i * sum over windows R that hold i of dy_R / y_R, by rows of dx; 0 where y_R is 0.
  void (*spread)(const Geometry&, const T* x, const T* y, const T* dy, T* dx, int64_t begin, int64_t end,
                 void* scratch);
  // p_R = (sum over R of x v) / y_R, by rows of p; 0 where y_R is 0.
  void (*inner)(const Geometry&, const T* x, const T* v, const T* y, T* p, int64_t begin, int64_t end,
                  void* scratch);
};

// Large enough for stretches of rows that loops over vectors pay off, small enough for the first-level cache.
constexpr int64_t kBufferBytes = 16 * 1024;

int64_t ScratchBytes(const Geometry& geometry);

template <typename T>
const RowKernels<T>& BestRowKernels();

const char* BestInstructionSet();

}  // namespace tfmed

#endif  // TFMED_OPS_CC_POOL_ROWS_H_
