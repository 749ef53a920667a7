// A process of its own for the tests that need one: what happens to children when we are killed, or
// are started without standard descriptors.

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <string>

#include "omcp_r/process/child.hpp"
#include "support.hpp"

namespace {

using omcp_r::process::Child;

/// Starts a child that would outlive us, prints its pid, and waits to be killed.
int hold() {
  boost::asio::io_context io;
  omcp_r::process::Launch launch;
  launch.argv = {"/bin/sleep", "1000"};
  const auto child = Child::spawn(io.get_executor(), launch);
  std::printf("%d\n", (*child)->pid());
  std::fflush(stdout);
  ::pause();
  return 0;
}

int echo() {
  auto command = omcp_r::process::shell("printf 'in:'; cat; printf oops >&2");
  command.input = "hello";
  const auto exit = omcp_r::process::run(std::move(command));
  std::printf("%s err:%s\n", exit.out.c_str(), exit.err.c_str());
  return exit.status.code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  return what == "hold" ? hold() : echo();
}
