// Work shared between the calling thread and those of a pool. Threads of a pool that are asleep may need half a
// millisecond to wake up; meanwhile the caller goes on with the blocks that nobody has taken, and it returns as soon
// as all are done, whether or not every thread came.
#ifndef TFMED_OPS_CC_SHARED_WORK_H_
#define TFMED_OPS_CC_SHARED_WORK_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

namespace tfmed {

// Small enough that threads end together, large enough that taking one costs next to nothing.
constexpr int64_t kBlockCycles = 50000;
constexpr int64_t kBlocksPerThread = 8;

class SharedWork {
 public:
  SharedWork(int64_t total, int64_t block) : total_(total), block_(block), left_((total + block - 1) / block) {}

  // Does blocks as long as there are any. `work` is touched only for a block that was got, so it may be gone by the
  // time that a thread comes too late.
  template <typename Work>
  void Help(const Work& work) {
    for (int64_t begin; (begin = next_.fetch_add(block_)) < total_;) {
      work(begin, std::min(begin + block_, total_));
      if (left_.fetch_sub(1) == 1) {
        const std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_all();
      }
    }
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  const int64_t total_, block_;
  std::atomic<int64_t> next_{0};
  std::atomic<int64_t> left_;
  std::mutex mutex_;
  std::condition_variable done_;
};

// work(begin, end) over [0, total), each unit of about `cycles`, on the caller and up to threads - 1 of `pool`'s.
template <typename Pool, typename Work>
void Share(Pool* pool, int threads, int64_t total, int64_t cycles, const Work& work) {
  const int64_t block = std::max(kBlockCycles / std::max<int64_t>(cycles, 1), total / (kBlocksPerThread * threads)) + 1;
  if (threads < 2 || block >= total) return work(0, total);
  const auto shared = std::make_shared<SharedWork>(total, block);
  const int64_t blocks = (total + block - 1) / block;
  for (int64_t helper = 1; helper < std::min<int64_t>(threads, blocks); ++helper) {
    pool->Schedule([shared, &work] { shared->Help(work); });
  }
  shared->Help(work);
  shared->Wait();
}

}  // namespace tfmed

#endif  // TFMED_OPS_CC_SHARED_WORK_H_
