// What large outputs get: huge pages, and a way past the caches. An output is often memory that the process has only
// just got from the kernel, and at 4 KB each the page faults of its first touch take longer than all the arithmetic.
#ifndef TFMED_OPS_CC_LARGE_OUTPUTS_H_
#define TFMED_OPS_CC_LARGE_OUTPUTS_H_

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace tfmed {

// Asks for huge pages where the kernel gives them on request; it may decline, and memory that was touched before
// stays as it is. Only pages that lie whole within the memory are affected.
inline void PreferHugePages(void* memory, int64_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kHuge = uintptr_t{2} << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + kHuge - 1) / kHuge * kHuge;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / kHuge * kHuge;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

// The size of the largest cache, or TFMED_OPS_CACHE_BYTES of the environment. What is larger will not be in the cache
// when the next op reads it, wherever it is written.
inline size_t LastCacheBytes() {
  static const size_t bytes = [] {
    if (const char* const forced = std::getenv("TFMED_OPS_CACHE_BYTES")) return std::strtoull(forced, nullptr, 10);
#ifdef _SC_LEVEL3_CACHE_SIZE
    const long known = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (known > 0) return static_cast<unsigned long long>(known);
#endif
    return 32ull << 20;
  }();
  return bytes;
}

}  // namespace tfmed

#endif  // TFMED_OPS_CC_LARGE_OUTPUTS_H_
