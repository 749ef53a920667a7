#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/server.hpp"

namespace omcp_r::e2e {

/// How to start a server in a test; what `environment` says replaces what all tests have.
struct Start {
  Environment environment = {};
  Argv arguments = {};
  bool handshake = true;
  std::filesystem::path input = {};  ///< a regular file instead of a pipe; no handshake then
};

/// Servers in a world of their own: scope, state, home and working folder. At the end each server
/// that still runs is hung up on, and must then end by itself with exit code 0.
class ServerTest : public testing::Test {
 public:
  Server& start(const Start& how = {});
  /// The first server of this test, started when first asked for.
  Server& server();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] const std::string& scope() const { return scope_; }
  [[nodiscard]] Environment environment(const Environment& changes) const;
  /// A docker client that takes `instead` in the place of every argument that begins with `flag`;
  /// "" is nothing.
  [[nodiscard]] std::string client_without(const std::string& flag,
                                           const std::string& instead = "") const;

 protected:
  ServerTest();
  void TearDown() override;
  const std::vector<std::unique_ptr<Server>>& servers() { return servers_; }

 private:
  TemporaryFolder folder_;
  std::string scope_;
  std::vector<std::unique_ptr<Server>> servers_;
};

/// One sandbox as a test uses it.
class Sandbox {
 public:
  Sandbox(Server& server, std::string id) : server_(&server), id_(std::move(id)) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] Server& server() const { return *server_; }
  [[nodiscard]] Json arguments(const std::string& code, Json more = Json::object()) const;
  /// Runs code with further arguments of execute_r_code.
  ToolResult run(const std::string& code, Json more = Json::object()) const;
  int start(const std::string& code, Json more = Json::object(), Json meta = nullptr) const;
  /// What code that must succeed prints.
  std::string output(const std::string& code, Json more = Json::object()) const;
  ToolResult remove(bool force = false) const;
  /// The same sandbox through another server.
  [[nodiscard]] Sandbox through(Server& other) const { return {other, id_}; }

 private:
  Server* server_;
  std::string id_;
};

/// A server and an engine. At the end no container of the scope may be there but those that the
/// test made and did not remove, and no process that speaks to one; all are then removed.
class SandboxTest : public ServerTest {
 public:
  /// A new sandbox of the first server.
  Sandbox sandbox(const Json& arguments = Json::object());
  static Sandbox create(Server& server, const Json& arguments = Json::object());

  [[nodiscard]] std::vector<Container> containers() const;
  /// The container of a sandbox; "" where there is none.
  [[nodiscard]] std::string container(const Sandbox& sandbox) const;
  [[nodiscard]] Json inspect(const Sandbox& sandbox) const;
  /// Runs a shell command in the container, as its user, past the server.
  std::string look(const Sandbox& sandbox, const std::string& command) const;
  /// Waits until a file is there in the container: the sign that code has come that far.
  void wait_for_file(const Sandbox& sandbox, const std::string& path) const;

  /// Spares that a server keeps ready are no leak in this test.
  void allow_spares() { spares_allowed_ = true; }

 protected:
  void SetUp() override;
  void TearDown() override;
  /// That a cluster must have for this test: see test_cluster().
  [[nodiscard]] virtual std::string network() const { return "closed"; }
  void use_engine(const EngineAddress& engine) { engine_ = engine; }
  /// Processes outside containers that were started in this test's scope, but for the servers.
  [[nodiscard]] std::vector<std::string> helpers() const;

 private:
  void check_containers();

  EngineAddress engine_;
  bool spares_allowed_ = false;
};

}  // namespace omcp_r::e2e
