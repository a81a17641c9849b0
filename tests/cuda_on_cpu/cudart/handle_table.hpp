#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"

namespace prophet::cuda_on_cpu {

/// Objects by handle. A handle is a number that is never given twice and that nobody can dereference, so that
/// a handle used after its end is recognised. Any thread.
template <class Handle, class Object>
class HandleTable {
 public:
  explicit HandleTable(std::uintptr_t first) : next_(first) {}

  Handle add(std::shared_ptr<Object> object) {
    const QuietLock lock(mutex_);
    next_ += step;
    objects_[next_] = std::move(object);
    return reinterpret_cast<Handle>(next_);
  }
  /// Null for a handle that is none, or no more.
  [[nodiscard]] std::shared_ptr<Object> find(Handle handle) const {
    const QuietLock lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<std::uintptr_t>(handle));
    return found == objects_.end() ? nullptr : found->second;
  }
  std::shared_ptr<Object> remove(Handle handle) {
    const QuietLock lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<std::uintptr_t>(handle));
    if (found == objects_.end()) return nullptr;
    auto object = std::move(found->second);
    objects_.erase(found);
    return object;
  }
  [[nodiscard]] std::size_t size() const {
    const QuietLock lock(mutex_);
    return objects_.size();
  }
  [[nodiscard]] std::vector<std::shared_ptr<Object>> all() const {
    const QuietLock lock(mutex_);
    std::vector<std::shared_ptr<Object>> objects;
    for (const auto& [handle, object] : objects_) objects.push_back(object);
    return objects;
  }

 private:
  static constexpr std::uintptr_t step = 16;
  mutable std::mutex mutex_;
  std::map<std::uintptr_t, std::shared_ptr<Object>> objects_;
  std::uintptr_t next_;
};

}  // namespace prophet::cuda_on_cpu
