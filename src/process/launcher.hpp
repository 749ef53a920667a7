#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/process/v2/process.hpp>

#include "omcp_r/base/result.hpp"
#include "omcp_r/process/launch.hpp"

namespace omcp_r::process {

namespace asio = boost::asio;
using PipeEnd = asio::posix::stream_descriptor;

/// A started child: Boost's process for its status, our ends of its pipes (non-blocking), and a
/// descriptor of our own that becomes readable when it ends.
///
/// The process object is never asked to wait: up to 1.91 its async_wait ends in a blocking waitpid,
/// which stops the whole loop when the reactor reports readiness too early.
struct LaunchedChild {
  boost::process::v2::process process;
  PipeEnd ended;
  PipeEnd in;  ///< closed unless Launch::with_input
  PipeEnd out;
  PipeEnd err;
};

/// A launcher in the sense of Boost.Process v2, with start_process() in place of fork. Errors are
/// values, and the arguments are one struct.
class Launcher {
 public:
  Result<LaunchedChild> operator()(const asio::any_io_executor& executor, const Launch& launch);
};

}  // namespace omcp_r::process
