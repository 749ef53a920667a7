#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "omcp_r/engine/engine.hpp"

namespace omcp_r::engine {

/// Takes kubectl's own remarks out of what a pod wrote to its standard error, which comes on the
/// same stream: advice at the beginning, and why it ends at the end. What could be such a reason,
/// some kilobytes at most, is held back until something comes behind it.
class Remarks {
 public:
  /// What is the pod's of the bytes so far.
  std::string feed(std::string_view bytes);
  /// What was held back, once it is known not to have been the last.
  std::string release();

 private:
  std::string held_;
  bool fresh_ = true;  ///< nothing of the pod's own has come yet
};

/// The same connection without them.
std::unique_ptr<Attachment> without_remarks(std::unique_ptr<Attachment> attachment);

}  // namespace omcp_r::engine
