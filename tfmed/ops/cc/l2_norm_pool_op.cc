// The ops TfmedL2NormPool, TfmedL2NormPoolGrad and TfmedL2NormPoolInner: definitions, shapes and CPU kernels.
//
// Three ops are closed under differentiation. With N_R the number of inputs of window R in mode rms, 1 in mode sum:
//   pool   y_R  = sqrt(sum over R of x^2 / N_R)
//   grad   dx_i = x_i * sum over windows R that hold i of dy_R / (N_R y_R)      linear in x and in dy
//   inner  p_R  = (sum over R of x v) / (N_R y_R)                               linear in x and in v
#include <memory>

#ifdef TFMED_CUDA
#include "pool_cuda.h"
#endif
#include "huge_pages.h"
#include "pool_rows.h"
#include "pool_shape.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#ifdef TFMED_CUDA
#include "absl/strings/str_cat.h"
#include "xla/stream_executor/stream.h"
#endif

namespace tfmed {
namespace {

using ::tensorflow::OpKernelConstruction;
using ::tensorflow::OpKernelContext;
using ::tensorflow::Tensor;
using ::tensorflow::TensorShape;
using ::tensorflow::shape_inference::InferenceContext;
using ::tensorflow::shape_inference::ShapeHandle;

template <typename Context>
absl::Status ReadAttributes(Context* context, PoolAttributes* a) {
  TF_RETURN_IF_ERROR(context->GetAttr("ksize", &a->ksize));
  TF_RETURN_IF_ERROR(context->GetAttr("strides", &a->strides));
  TF_RETURN_IF_ERROR(context->GetAttr("padding", &a->padding));
  TF_RETURN_IF_ERROR(context->GetAttr("mode", &a->mode));
  TF_RETURN_IF_ERROR(context->GetAttr("data_format", &a->data_format));
  return a->Validate();
}

std::vector<int64_t> Extents(InferenceContext* c, ShapeHandle shape) {
  std::vector<int64_t> extents;
  for (int i = 0; i < c->Rank(shape); ++i) extents.push_back(c->Value(c->Dim(shape, i)));
  return extents;
}

std::vector<int64_t> Extents(const Tensor& tensor) {
  const auto sizes = tensor.shape().dim_sizes();
  return {sizes.begin(), sizes.end()};
}

ShapeHandle MakeShape(InferenceContext* c, absl::Span<const int64_t> extents) {
  std::vector<::tensorflow::shape_inference::DimensionHandle> dims;
  for (const int64_t extent : extents) dims.push_back(extent == kUnknown ? c->UnknownDim() : c->MakeDim(extent));
  return c->MakeShape(dims);
}

absl::Status CheckInput(InferenceContext* c, int index, const char* name, absl::Span<const int64_t> expected) {
  const ShapeHandle shape = c->input(index);
  return c->RankKnown(shape) ? SameShape(name, expected, Extents(c, shape)) : absl::OkStatus();
}

// The first input is x; `others` names the rest, of x's shape where it stands in `like_x`, else of y's.
absl::Status InferShape(InferenceContext* c, std::vector<const char*> others, int like_x, bool returns_x) {
  PoolAttributes attributes;
  TF_RETURN_IF_ERROR(ReadAttributes(c, &attributes));
  std::vector<int64_t> x(attributes.Rank(), kUnknown);
  if (c->RankKnown(c->input(0))) x = Extents(c, c->input(0));
  std::vector<int64_t> y;
  TF_RETURN_IF_ERROR(attributes.OutputShape(x, &y));
  for (int i = 1; i <= static_cast<int>(others.size()); ++i) {
    TF_RETURN_IF_ERROR(CheckInput(c, i, others[i - 1], i == like_x ? x : y));
  }
  c->set_output(0, MakeShape(c, returns_x ? x : y));
  return absl::OkStatus();
}

#define TFMED_POOL_ATTRIBUTES                                                \
  Attr("T: {half, bfloat16, float, double}")                                 \
      .Attr("ksize: list(int)")                                              \
      .Attr("strides: list(int)")                                            \
      .Attr("padding: {'SAME', 'VALID'}")                                    \
      .Attr("mode: {'sum', 'rms'} = 'sum'")                                  \
      .Attr("data_format: {'NHWC', 'NCHW', 'NDHWC', 'NCDHW'} = 'NHWC'")

REGISTER_OP("TfmedL2NormPool")
    .Input("x: T")
    .Output("y: T")
    .TFMED_POOL_ATTRIBUTES.SetShapeFn([](InferenceContext* c) { return InferShape(c, {}, 0, false); });

REGISTER_OP("TfmedL2NormPoolGrad")
    .Input("x: T")
    .Input("y: T")
    .Input("dy: T")
    .Output("dx: T")
    .TFMED_POOL_ATTRIBUTES.SetShapeFn([](InferenceContext* c) { return InferShape(c, {"y", "dy"}, 0, true); });

REGISTER_OP("TfmedL2NormPoolInner")
    .Input("x: T")
    .Input("v: T")
    .Input("y: T")
    .Output("p: T")
    .TFMED_POOL_ATTRIBUTES.SetShapeFn([](InferenceContext* c) { return InferShape(c, {"v", "y"}, 1, false); });

// What the kernels call an element type of TensorFlow's.
template <typename T>
struct Element {
  using Type = T;
};
template <>
struct Element<Eigen::half> {
  using Type = Half;
};
template <>
struct Element<Eigen::bfloat16> {
  using Type = BFloat16;
};

template <typename T>
const typename Element<T>::Type* Data(const Tensor& tensor) {
  return static_cast<const typename Element<T>::Type*>(tensor.data());
}

template <typename T>
typename Element<T>::Type* Data(Tensor* tensor) {
  return static_cast<typename Element<T>::Type*>(tensor->data());
}

class PoolKernel : public ::tensorflow::OpKernel {
 public:
  explicit PoolKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, ReadAttributes(context, &attributes_));
  }

 protected:
  // Shape inference's checks once more, for graphs whose shapes were unknown; then the output's memory.
  absl::Status Prepare(OpKernelContext* context, const std::vector<const char*>& others, int like_x, bool returns_x,
                       Geometry* geometry, Tensor** output) const {
    const std::vector<int64_t> x = Extents(context->input(0));
    std::vector<int64_t> y;
    TF_RETURN_IF_ERROR(attributes_.OutputShape(x, &y));
    for (int i = 1; i <= static_cast<int>(others.size()); ++i) {
      TF_RETURN_IF_ERROR(SameShape(others[i - 1], i == like_x ? x : y, Extents(context->input(i))));
    }
    const int threads = context->device()->tensorflow_cpu_worker_threads()->num_threads;
    TF_RETURN_IF_ERROR(attributes_.Layout(x, threads, geometry));
    return context->allocate_output(0, TensorShape(returns_x ? x : y), output);
  }

 private:
  PoolAttributes attributes_;
};

// On the threads of TensorFlow's intra-op pool.
struct Cpu {
  template <typename T>
  static void Norm(OpKernelContext* context, const Geometry& g, const T* x, T* y) {
    OverRows(context, g, g.depth.out * g.height.out, Window(g) * g.width.out, [&](int64_t begin, int64_t end, void* s) {
      BestRowKernels<T>().norm(g, x, y, begin, end, s);
    });
  }

  template <typename T>
  static void Spread(OpKernelContext* context, const Geometry& g, const T* x, const T* y, const T* dy, T* dx) {
    const int64_t windows = Cover(g.depth) * Cover(g.height) * Cover(g.width);
    OverRows(context, g, g.depth.in * g.height.in, (1 + windows) * g.width.in, [&](int64_t begin, int64_t end, void* s) {
      BestRowKernels<T>().spread(g, x, y, dy, dx, begin, end, s);
    });
  }

  template <typename T>
  static void Inner(OpKernelContext* context, const Geometry& g, const T* x, const T* v, const T* y, T* p) {
    OverRows(context, g, g.depth.out * g.height.out, 2 * Window(g) * g.width.out, [&](int64_t begin, int64_t end, void* s) {
      BestRowKernels<T>().inner(g, x, v, y, p, begin, end, s);
    });
  }

 private:
  static int64_t Window(const Geometry& g) { return g.depth.window * g.height.window * g.width.window; }

  static int64_t Cover(const Axis& axis) { return (axis.window + axis.stride - 1) / axis.stride; }

  // `cost` is about the cycles that one row needs for each channel.
  template <typename Work>
  static void OverRows(OpKernelContext* context, const Geometry& g, int64_t rows, int64_t cost, Work work) {
    struct Free {
      void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(64)); }
    };
    Tensor* const output = context->mutable_output(0);
    PreferHugePages(output->data(), output->TotalBytes());
    const size_t bytes = ScratchBytes(g);
    const auto shard = [bytes, &work](int64_t begin, int64_t end) {
      const std::unique_ptr<void, Free> scratch(::operator new(bytes, std::align_val_t(64)));
      work(begin, end, scratch.get());
    };
    using ::tensorflow::thread::ThreadPool;
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
        g.batch * rows * g.ChannelBlocks(), ThreadPool::SchedulingParams::Adaptive(cost * g.channel_block), shard);
  }
};

template <typename Device, typename T>
class NormKernel : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;

  void Compute(OpKernelContext* context) override {
    Geometry geometry;
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, Prepare(context, {}, 0, false, &geometry, &y));
    if (y->NumElements() > 0) Device::Norm(context, geometry, Data<T>(context->input(0)), Data<T>(y));
  }
};

template <typename Device, typename T>
class SpreadKernel : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;

  void Compute(OpKernelContext* context) override {
    Geometry geometry;
    Tensor* dx = nullptr;
    OP_REQUIRES_OK(context, Prepare(context, {"y", "dy"}, 0, true, &geometry, &dx));
    if (dx->NumElements() == 0) return;
    Device::Spread(context, geometry, Data<T>(context->input(0)), Data<T>(context->input(1)),
                   Data<T>(context->input(2)), Data<T>(dx));
  }
};

template <typename Device, typename T>
class InnerKernel : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;

  void Compute(OpKernelContext* context) override {
    Geometry geometry;
    Tensor* p = nullptr;
    OP_REQUIRES_OK(context, Prepare(context, {"v", "y"}, 1, false, &geometry, &p));
    if (p->NumElements() == 0) return;
    Device::Inner(context, geometry, Data<T>(context->input(0)), Data<T>(context->input(1)),
                  Data<T>(context->input(2)), Data<T>(p));
  }
};

#define TFMED_REGISTER(DEVICE, CLASS, TYPE)                                                           \
  REGISTER_KERNEL_BUILDER(Name("TfmedL2NormPool").Device(DEVICE).TypeConstraint<TYPE>("T"),           \
                          NormKernel<CLASS, TYPE>);                                                   \
  REGISTER_KERNEL_BUILDER(Name("TfmedL2NormPoolGrad").Device(DEVICE).TypeConstraint<TYPE>("T"),       \
                          SpreadKernel<CLASS, TYPE>);                                                 \
  REGISTER_KERNEL_BUILDER(Name("TfmedL2NormPoolInner").Device(DEVICE).TypeConstraint<TYPE>("T"),      \
                          InnerKernel<CLASS, TYPE>)

#define TFMED_REGISTER_ALL(DEVICE, CLASS)            \
  TFMED_REGISTER(DEVICE, CLASS, Eigen::half);        \
  TFMED_REGISTER(DEVICE, CLASS, Eigen::bfloat16);    \
  TFMED_REGISTER(DEVICE, CLASS, float);              \
  TFMED_REGISTER(DEVICE, CLASS, double)

TFMED_REGISTER_ALL(::tensorflow::DEVICE_CPU, Cpu);

#ifdef TFMED_CUDA
// On TensorFlow's stream; a launch that fails is the op's error.
struct Gpu {
  template <typename T>
  static void Norm(OpKernelContext* context, const Geometry& g, const T* x, T* y) {
    Report(context, cuda::Norm(Stream(context), g, x, y));
  }

  template <typename T>
  static void Spread(OpKernelContext* context, const Geometry& g, const T* x, const T* y, const T* dy, T* dx) {
    Report(context, cuda::Spread(Stream(context), g, x, y, dy, dx));
  }

  template <typename T>
  static void Inner(OpKernelContext* context, const Geometry& g, const T* x, const T* v, const T* y, T* p) {
    Report(context, cuda::Inner(Stream(context), g, x, v, y, p));
  }

 private:
  static void* Stream(OpKernelContext* context) {
    return context->op_device_context()->stream()->platform_specific_handle().stream;
  }

  static void Report(OpKernelContext* context, const char* failure) {
    OP_REQUIRES(context, failure == nullptr, absl::InternalError(absl::StrCat("CUDA: ", failure)));
  }
};

TFMED_REGISTER_ALL(::tensorflow::DEVICE_GPU, Gpu);
#endif

}  // namespace
}  // namespace tfmed

// Read from the file before it is loaded: a library built for another TensorFlow may crash while loading.
extern "C" __attribute__((used, visibility("default"))) const char tfmed_ops_build[] = TFMED_OPS_BUILD;

extern "C" __attribute__((visibility("default"))) const char* tfmed_ops_instruction_set() {
  return tfmed::BestInstructionSet();
}
