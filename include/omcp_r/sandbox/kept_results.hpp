#pragma once

#include <cstddef>
#include <deque>

#include "omcp_r/sandbox/execution.hpp"

namespace omcp_r::sandbox {

/// The results of ended executions of all sandboxes, for who asks for them again. One budget for
/// all of them: where it is exceeded the oldest lose their output and plots.
class KeptResults {
 public:
  static constexpr std::size_t kBudget = std::size_t{6} << 20;

  void keep(const ExecutionPtr& execution);
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  struct Entry {
    std::weak_ptr<Execution> execution;
    std::size_t bytes = 0;
  };
  std::deque<Entry> entries_;
  std::size_t held_ = 0;
};

}  // namespace omcp_r::sandbox
