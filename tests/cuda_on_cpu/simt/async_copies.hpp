#pragma once

#include <cstddef>
#include <vector>

namespace prophet::simt {

/// One thread's copies from global to shared memory (cp.async), in the order of issue. Nothing is copied
/// before the thread waits for the group that the copy was committed to: the latest moment that CUDA allows.
class AsyncCopies {
 public:
  /// Fills the destination with the poison of uninitialised shared memory: from here on nobody may read it.
  void issue(void* shared, const void* global, std::size_t bytes, std::size_t zero_fill_bytes);
  void commit();
  /// Carries out all but the newest `groups` committed groups. Copies that were never committed stay as they
  /// are.
  void wait_prior(std::size_t groups);
  [[nodiscard]] std::size_t pending() const { return copies_.size() - done_; }
  void reset();

 private:
  struct Copy {
    void* shared;
    const void* global;
    std::size_t bytes;
    std::size_t zero_fill_bytes;
  };
  struct Group {
    std::size_t end;  ///< of its copies in copies_
  };
  static void carry_out(const Copy& copy);

  std::vector<Copy> copies_;
  std::vector<Group> groups_;
  std::size_t done_ = 0;
  std::size_t groups_done_ = 0;
};

}  // namespace prophet::simt
