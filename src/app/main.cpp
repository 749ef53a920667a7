#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "commands/commands.hpp"
#include "commands/floors.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/app/options.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/mcp/server.hpp"
#include "omcp_r/rpc/protected_stdio.hpp"
#include "omcp_r/rpc/stdio_transport.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"
#include "omcp_r/tools/sandbox_resources.hpp"
#include "omcp_r/tools/sandbox_tools.hpp"

namespace {

namespace asio = boost::asio;
using namespace omcp_r;

constexpr int kUsage = 2;

mcp::ServerInfo server_info(const sandbox::Settings& settings) {
  mcp::ServerInfo info;
  info.name = "omcp-r-sandbox";
  info.title = "R sandbox";
  info.version = OMCP_VERSION;
  info.description = "Runs R code in hardened containers";
  info.instructions = tools::server_instructions(settings);
  return info;
}

/// What is under way in the background may take so long at the end: hosts kill soon. In a container
/// of our own it would be killed with us, and nobody waits for us there.
constexpr auto kFarewell = std::chrono::milliseconds{300};
constexpr auto kFarewellInContainer = std::chrono::milliseconds{10'000};

/// Told to whoever calls a tool, with the host's own way to mend it.
Error misconfigured(const std::string& problem) {
  return {Errc::kMisconfigured,
          "This server is not configured correctly, so it runs no R:\n" + problem +
              "\nAsk the person to correct this where the server is configured (its entry in the "
              "host's configuration, or the .env file named above), and to restart it."};
}

/// Serves a client on stdin and stdout the reason why there is nothing to serve.
int serve_problem(const std::string& problem) {
  const rpc::ProtectedStdio stdio = rpc::protect_stdio();
  asio::io_context io{1};
  const Error error = misconfigured(problem);
  mcp::ServerInfo info = server_info({});
  info.instructions = error.message;
  mcp::Server server{io.get_executor(), std::move(info)};
  tools::add_refusing_tools(server, error);
  rpc::StdioTransport transport{io.get_executor(), stdio.input(), stdio.output()};
  asio::signal_set signals{io, SIGINT, SIGTERM, SIGHUP};
  signals.async_wait([&server](const boost::system::error_code& failed, int /*signal*/) {
    if (!failed) {
      server.stop();
    }
  });
  const auto serve_then_end = [&]() -> asio::awaitable<void> {
    co_await server.serve(transport);
    io.stop();
  };
  spawn(io.get_executor(), "server", serve_then_end(), Work::kVital);
  io.run();
  return kUsage;
}

asio::awaitable<int> serve_all(mcp::Server& server, rpc::StdioTransport& transport) {
  co_await server.serve(transport);
  co_return 0;
}

/// Serves the client on stdin and stdout until it hangs up or a signal comes. Touches no engine and
/// takes no lock before a tool is called.
int serve(const app::Config& config, const rpc::ProtectedStdio& stdio) {
  commands::Floors floors{config};
  asio::io_context& io = floors.io();
  sandbox::Sandboxes& sandboxes = floors.sandboxes();
  tools::SandboxTools sandbox_tools{sandboxes};
  tools::SandboxResources resources{sandboxes};

  mcp::Server server{io.get_executor(), server_info(config.sandbox)};
  sandbox_tools.add_to(server);
  server.set_resources(&resources);
  server.offer_resource_changes();
  server.set_log([](std::string_view message) { log::warning(message); });
  rpc::StdioTransport transport{io.get_executor(), stdio.input(), stdio.output()};

  asio::signal_set signals{io, SIGINT, SIGTERM, SIGHUP};
  signals.async_wait([&server](const boost::system::error_code& error, int signal) {
    if (!error) {
      log::info("stopping", {{"signal", signal}});
      server.stop();
    }
  });
  spawn(io.get_executor(), "reaper", sandboxes.reap(), Work::kVital);
  log::info("ready", {{"version", OMCP_VERSION}, {"scope", config.sandbox.scope}});
  return floors.run(serve_all(server, transport),
                    config.engine.in_container ? kFarewellInContainer : kFarewell);
}

/// Tells why there is nothing to serve: a person at a terminal, or a host and who uses it.
int end_with(const std::string& problem) {
  std::fprintf(stderr, "omcp-r-sandbox: %s\n", problem.c_str());
  return ::isatty(STDIN_FILENO) != 0 ? kUsage : serve_problem(problem);
}

int run(int argc, char** argv) {
  if (argc == 1 && ::isatty(STDIN_FILENO) != 0) {
    std::fputs(app::greeting_text().c_str(), stdout);
    return 0;
  }
  const auto named = commands::run_named(argc, argv);
  if (!named) {
    return end_with(named.error().message);
  }
  if (*named) {
    return **named;
  }
  app::Surroundings surroundings = app::process_surroundings();
  surroundings.commands = commands::help_lines();
  const auto config = app::load_config(argc, argv, surroundings);
  if (!config) {
    return end_with(config.error().message);
  }
  if (config->print) {
    for (const std::string& warning : config->warnings) {
      std::fprintf(stderr, "omcp-r-sandbox: %s\n", warning.c_str());
    }
    std::fputs(config->print->c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  const Status logging = commands::begin_logging(*config);
  if (!logging) {
    return end_with(logging.error().message);
  }
  const rpc::ProtectedStdio stdio = rpc::protect_stdio();
  return serve(*config, stdio);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "omcp-r-sandbox: %s\n", error.what());
    return 1;
  }
}
