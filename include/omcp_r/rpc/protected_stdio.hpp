#pragma once

namespace omcp_r::rpc {

/// The process's stdin and stdout, moved out of harm's way: the protocol has private copies, while
/// descriptor 0 is /dev/null and descriptor 1 is stderr. A child or a stray printf can then neither
/// eat the client's requests nor put a foreign line between our answers.
class ProtectedStdio {
 public:
  ProtectedStdio(int input, int output);
  ProtectedStdio(ProtectedStdio&& other) noexcept;
  ProtectedStdio& operator=(ProtectedStdio&&) = delete;
  /// Gives the file descriptions their old flags back: they may be a terminal that others share.
  ~ProtectedStdio();

  [[nodiscard]] int input() const { return input_; }
  [[nodiscard]] int output() const { return output_; }

 private:
  int input_;
  int output_;
  int input_flags_;
  int output_flags_;
};

/// Opens /dev/null on whichever of 0, 1, 2 is closed, so that nothing we open becomes one of them;
/// ignores SIGPIPE; then moves 0 and 1 as described above. To be called first in main. Throws
/// std::system_error when the process has no descriptors left.
ProtectedStdio protect_stdio();

}  // namespace omcp_r::rpc
