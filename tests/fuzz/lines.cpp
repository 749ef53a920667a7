// Framing, envelope and dispatch: any bytes on stdin. The first byte chooses how the server is
// shaken hands with before. Whatever comes, each line that the server writes is one JSON text, and
// it ends.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "fixture_tools.hpp"
#include "omcp_r/mcp/server.hpp"
#include "omcp_r/rpc/stdio_transport.hpp"

namespace {

using namespace omcp_r;
namespace asio = boost::asio;

constexpr std::array<std::string_view, 6> kHandshakes{"",           "2024-11-05", "2025-03-26",
                                                      "2025-06-18", "2025-11-25", "nonsense"};

/// A file in memory, so that neither side ever waits.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view contents = {}) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    FUZZ_CHECK(::write(fd_, contents.data(), contents.size()) ==
               static_cast<ssize_t>(contents.size()));
    FUZZ_CHECK(::lseek(fd_, 0, SEEK_SET) == 0);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::string contents() const {
    std::string all(static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END)), '\0');
    FUZZ_CHECK(::pread(fd_, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()));
    return all;
  }

 private:
  int fd_;
};

std::string script(std::string_view bytes) {
  std::string lines;
  if (!bytes.empty()) {
    const auto choice = static_cast<unsigned char>(bytes.front()) % kHandshakes.size();
    if (choice > 0) {
      lines = R"({"jsonrpc":"2.0","id":"h","method":"initialize","params":{"protocolVersion":")" +
              std::string{kHandshakes[choice]} + "\"}}\n";
    }
    lines += bytes.substr(1);
  }
  return lines;
}

asio::awaitable<void> serve(mcp::Server& server, rpc::StdioTransport& transport, bool& ended) {
  co_await server.serve(transport);
  ended = true;
}

void check_line(std::string_view line) {
  for (const std::string_view bad : {"\r", "\x7F", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"}) {
    FUZZ_CHECK(line.find(bad) == std::string_view::npos);
  }
  const auto message = nlohmann::json::parse(line, nullptr, false);
  FUZZ_CHECK(!message.is_discarded());
  FUZZ_CHECK(message.is_array() || message.value("jsonrpc", "") == "2.0");
}

void check_output(const std::string& output) {
  FUZZ_CHECK(output.empty() || output.back() == '\n');
  for (std::size_t start = 0; start < output.size();) {
    const std::size_t end = output.find('\n', start);
    check_line(std::string_view{output}.substr(start, end - start));
    start = end + 1;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile input{script({reinterpret_cast<const char*>(data), size})};
  const MemoryFile output;
  bool ended = false;
  {
    asio::io_context io{1};
    fixture::Resources resources;
    mcp::ServerLimits limits;
    limits.drain = std::chrono::milliseconds{0};
    limits.calls_in_flight = 4;
    limits.requests_waiting = 8;
    rpc::TransportLimits transport_limits;
    transport_limits.line_bytes = 4096;
    transport_limits.queue_bytes = 4096;
    mcp::Server server{io.get_executor(), fixture::server_info(), limits};
    fixture::add_tools(server, io.get_executor());
    server.set_resources(&resources);
    rpc::StdioTransport transport{io.get_executor(), input.fd(), output.fd(), transport_limits};
    asio::co_spawn(io, serve(server, transport, ended), asio::detached);
    while (!ended && io.run_one() > 0) {
    }
  }
  FUZZ_CHECK(ended);
  check_output(output.contents());
  return 0;
}
