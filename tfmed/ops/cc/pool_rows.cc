// The pooling kernels, row by row. With channels last and enough of them to fill a vector, a window is summed in
// registers; with fewer, whole rows are summed first.
//
// This file is compiled once for each instruction set, with TFMED_ISA naming it. All but the tables at the
// end has internal linkage, and nothing of the standard library is included: a template instantiated here with
// newer instructions must never be the copy that the linker keeps for the rest of the program.
#include "pool_rows.h"

#include "pool_columns.h"
#include "pool_windows.h"
#include "spread_rows.h"

namespace tfmed {
namespace {

template <bool kSquare, typename T>
void Pool(const Geometry& g, const Operands<T>& all, int64_t begin, int64_t end, void* scratch) {
  const bool stream = FitStreams(g, all.y, 1);
  for (int64_t index = begin; index < end; ++index) {
    const Unit unit = Locate(g, index, g.depth.out, g.height.out);
    const Region region = {g.depth.Begin(unit.depth), g.depth.End(unit.depth), g.height.Begin(unit.height),
                           g.height.End(unit.height), 0, g.width.in};
    if (unit.run >= kLanes<T>) {
      PoolWindows<kSquare>(g, unit, region, all, stream, scratch);
    } else {
      PoolColumns<kSquare>(g, unit, region, all, static_cast<Sum<T>*>(scratch));
    }
  }
  EndStreams();
}

template <typename T>
void Norm(const Geometry& g, const T* x, T* y, int64_t begin, int64_t end, void* scratch) {
  Pool<true>(g, Operands<T>{x, x, x, y}, begin, end, scratch);
}

template <typename T>
void Inner(const Geometry& g, const T* x, const T* v, const T* y, T* p, int64_t begin, int64_t end, void* scratch) {
  Pool<false>(g, Operands<T>{x, v, y, p}, begin, end, scratch);
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
