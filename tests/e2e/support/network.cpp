#include "support/network.hpp"

#include <unistd.h>

#include <stdexcept>

#include "support/text.hpp"

namespace omcp_r::e2e {
namespace {

namespace fs = std::filesystem;

/// Networks of two hosts, of which each process has one: tests run side by side.
constexpr int kNetworks = 1 << 14;

std::string host(int number) {
  constexpr int kEach = 4;
  const int at = ::getpid() % kNetworks * kEach + number;
  return "10.213." + std::to_string(at / 256) + "." + std::to_string(at % 256);
}

void must(const std::string& command) {
  const Finished done = run({"sh", "-ec", command});
  if (done.ending.code != 0) throw std::runtime_error(command + "\n" + done.output);
}

}  // namespace

Network::Network(pid_t there)
    : there_("nsenter --net=/proc/" + std::to_string(there) + "/ns/net ip "),
      device_("omcp" + std::to_string(::getpid())),
      here_(host(1)),
      address_(host(2)) {
  must("ip link add " + device_ + " type veth peer name eth0 netns " + std::to_string(there));
  must("ip address add " + here_ + "/30 dev " + device_ + "; ip link set " + device_ + " up");
  must(there_ + "address add " + address_ + "/30 dev eth0; " + there_ + "link set eth0 up; " +
       there_ + "link set lo up");
}

Network::~Network() {
  run({"ip", "link", "delete", device_});
}

// To an address of hardware that nobody has.
void Network::cut() const {
  const std::string nobody = " lladdr 02:00:00:00:00:01 nud permanent dev ";
  must("ip neighbor replace " + address_ + nobody + device_);
  must(there_ + "neighbor replace " + here_ + nobody + "eth0");
}

void Network::mend() const {
  must("ip neighbor delete " + address_ + " dev " + device_);
  must(there_ + "neighbor delete " + here_ + " dev eth0");
}

void make_certificates(const fs::path& folder) {
  fs::create_directories(folder);
  must("cd " + folder.string() + R"sh(
new() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
sign() { # KEY CERTIFICATE NAME EXTENSIONS
  openssl req -new -key "$1" -subj "/CN=$3" | openssl x509 -req -CA ca.pem -CAkey ca-key.pem -CAcreateserial \
    -days 2 -extfile "$4" -out "$2"
}
{
  new ca-key.pem; new server-key.pem; new key.pem
  openssl req -x509 -new -key ca-key.pem -subj /CN=ca -days 2 -out ca.pem
  echo "subjectAltName = IP:)sh" +
       host(2) + R"sh(" >server; echo "extendedKeyUsage = clientAuth" >client
  sign server-key.pem server-cert.pem engine server; sign key.pem cert.pem person client
} 2>&1
)sh");
}

// In a mount namespace of its own, with the user that it wants, the folder that it asks for, and a
// root that is not locked.
SshServer::SshServer(fs::path folder, pid_t there, const std::string& docker_host)
    : folder_(std::move(folder)) {
  const fs::path program = environment_or("OMCP_TEST_SSHD", "");
  if (program.empty())
    throw std::runtime_error("OMCP_TEST_SSHD names the program of an ssh server");
  fs::create_directories(folder_ / "client");
  const std::string here = folder_.string();
  must("cd " + here +
       " && ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f mine && "
       "{ cat /etc/passwd; echo sshd:x:65533:65534::/:/bin/false; } >passwd && "
       "sed 's/^root:!*:/root:*:/' /etc/shadow >shadow");
  write_file(folder_ / "config", "Port " + std::string{kPort} + "\nHostKey " + here +
                                     "/host\nAuthorizedKeysFile " + here +
                                     "/mine.pub\nStrictModes no\nUsePAM no\nPidFile none\n"
                                     "PermitRootLogin prohibit-password\nSetEnv DOCKER_HOST=" +
                                     docker_host + "\n");
  write_file(folder_ / "client" / "ssh",
             "#!/bin/sh\nexec /usr/bin/ssh -F none -i " + here +
                 "/mine -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new "
                 "-o UserKnownHostsFile=" +
                 here + "/known \"$@\"\n");
  fs::permissions(folder_ / "client" / "ssh", fs::perms::owner_all);
  const std::string script =
      "mount --bind passwd /etc/passwd; mount --bind shadow /etc/shadow; mount -t tmpfs tmpfs "
      "/run; mkdir /run/sshd; exec nsenter "
      "--net=/proc/" +
      std::to_string(there) + "/ns/net " + program.string() + " -D -e -f " + here + "/config";
  child_ = std::make_unique<Child>(
      ChildSpec{{"unshare", "--mount", "--propagation", "private", "sh", "-ec", script},
                {},
                folder_,
                folder_ / "log",
                {}});
  if (!eventually([this] { return contains(read_file(folder_ / "log"), "Server listening"); },
                  20s)) {
    throw std::runtime_error("the ssh server does not start:\n" + read_file(folder_ / "log"));
  }
}

std::size_t SshServer::connections() const {
  const std::string log = read_file(folder_ / "log");
  std::size_t count = 0;
  for (std::size_t at = log.find("Accepted publickey"); at != std::string::npos;
       at = log.find("Accepted publickey", at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace omcp_r::e2e
