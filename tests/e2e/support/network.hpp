#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "support/child.hpp"

namespace omcp_r::e2e {

/// A wire to the network namespace of a process, which can be cut as by a lost link: then nothing
/// comes through in either direction, and nobody is told. Needs root.
class Network {
 public:
  explicit Network(pid_t there);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network();

  [[nodiscard]] const std::string& address() const { return address_; }
  void cut() const;
  void mend() const;

 private:
  std::string there_;  ///< what begins a command that is to run there
  std::string device_;
  std::string here_;     ///< our address on it
  std::string address_;  ///< and the other one
};

/// Keys and certificates in `folder`: ca.pem, cert.pem and key.pem of a person, and server-cert.pem
/// and server-key.pem of an engine at any address of a Network.
void make_certificates(const std::filesystem::path& folder);

/// An ssh server in the network namespace of a process, whose sessions speak to the engine at
/// `docker_host`, and an `ssh` that trusts it. The program is the one of tests/engines.sh.
class SshServer {
 public:
  SshServer(std::filesystem::path folder, pid_t there, const std::string& docker_host);

  static constexpr const char* kPort = "2222";
  /// Of a client, to stand first in PATH.
  [[nodiscard]] std::string client_folder() const { return (folder_ / "client").string(); }
  /// How many connections it has let in.
  [[nodiscard]] std::size_t connections() const;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Child> child_;
};

}  // namespace omcp_r::e2e
