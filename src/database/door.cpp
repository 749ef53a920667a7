#include "omcp_r/database/door.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/unique_fd.hpp"
#include "startup.hpp"

namespace omcp_r::database {
namespace {

using Protocol = asio::local::stream_protocol;
using Failure = boost::system::error_code;

constexpr const char* kName = ".s.PGSQL.5432";
constexpr std::size_t kMostConnections = 32;
constexpr std::chrono::seconds kStartPatience{15};
constexpr std::chrono::seconds kRefusalPatience{1};
constexpr std::size_t kPiece = std::size_t{64} << 10;

constexpr std::size_t kLongestAddress = 107;

/// Sends a short message and waits for nothing.
void tell_at_once(const asio::any_io_executor& executor, const std::string& path,
                  const std::string& message) {
  const auto place = find_socket(path);
  if (!place || place->socket.size() > kLongestAddress) return;
  Failure ignored;
  Protocol::socket socket{executor, Protocol{}};
  socket.non_blocking(true, ignored);
  socket.connect(Protocol::endpoint{place->socket}, ignored);
  socket.write_some(asio::buffer(message), ignored);
}

/// One connection of code's, and the one to the server that it leads to.
struct Connection {
  explicit Connection(const asio::any_io_executor& executor)
      : client(executor), server(executor), patience(executor) {}

  /// Without its client the server would go on with a query for as long as that takes.
  void close(const std::string& path) {
    const std::string cancellation = server.is_open() ? key.cancellation() : "";
    if (!cancellation.empty()) tell_at_once(client.get_executor(), path, cancellation);
    close();
  }
  void close() {
    Failure ignored;
    client.close(ignored);
    server.close(ignored);
    patience.cancel();
  }

  Protocol::socket client;
  Protocol::socket server;
  asio::steady_timer patience;
  KeyFinder key;
};
using ConnectionPtr = std::shared_ptr<Connection>;

/// A path of any length, as one that fits into a socket's address.
std::string short_path(const UniqueFd& folder, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(folder.get()) + "/" + name;
}

Error cannot(const std::string& what) {
  return Error{Errc::kInternal, "The way to the database cannot be opened: " + what + ": " +
                                    std::strerror(errno) + "."};
}

asio::awaitable<bool> send(Protocol::socket& to, std::string bytes) {
  Failure failure;
  co_await asio::async_write(to, asio::buffer(bytes),
                             asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

/// The next `size` bytes; fewer where the stream ends before.
asio::awaitable<std::string> take(Protocol::socket& from, std::size_t size) {
  std::string bytes(size, '\0');
  Failure failure;
  const std::size_t got = co_await asio::async_read(
      from, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
  bytes.resize(got);
  co_return bytes;
}

/// Passes on what comes, until one of the two ends. All are the caller's.
asio::awaitable<void> pass_on(Protocol::socket& from, Protocol::socket& to, KeyFinder* key) {
  std::vector<char> piece(kPiece);
  Failure failure;
  while (!failure) {
    const std::size_t got = co_await from.async_read_some(
        asio::buffer(piece), asio::redirect_error(asio::use_awaitable, failure));
    if (failure || got == 0) break;
    const auto part = asio::buffer(piece.data(), got);
    if (key != nullptr) key->take({piece.data(), got});
    co_await asio::async_write(to, part, asio::redirect_error(asio::use_awaitable, failure));
  }
}

// Who has gone does not wait for answers: no client of PostgreSQL's closes one direction alone.
asio::awaitable<void> pass_on_questions(ConnectionPtr connection, std::string path) {
  co_await pass_on(connection->client, connection->server, nullptr);
  connection->close(path);
}

/// A server's first word: authentication, an error, a notice, or another version of the protocol.
bool is_first_word(const std::string& byte) {
  return byte == "R" || byte == "E" || byte == "N" || byte == "v";
}

struct Startup {
  std::uint32_t code = 0;
  std::string rest;
};

/// Answers that there is no encryption, which a socket needs none of, and takes what follows.
asio::awaitable<std::optional<Startup>> take_startup(ConnectionPtr connection) {
  constexpr int kMostQuestions = 2;
  for (int asked = 0; asked <= kMostQuestions; ++asked) {
    const std::string head = co_await take(connection->client, kHeadBytes);
    if (head.size() < kHeadBytes) {
      co_return std::nullopt;
    }
    const std::size_t length = number_at(head, 0);
    const std::uint32_t code = number_at(head, 4);
    if (code == kEncryption || code == kGssEncryption) {
      const bool answered = co_await send(connection->client, "N");
      if (!answered) {
        co_return std::nullopt;
      }
      continue;
    }
    if (length < kHeadBytes || length > kMostBytes) {
      co_return std::nullopt;
    }
    std::string rest = co_await take(connection->client, length - kHeadBytes);
    if (rest.size() < length - kHeadBytes) {
      co_return std::nullopt;
    }
    Startup startup;
    startup.code = code;
    startup.rest = head + rest;
    co_return startup;
  }
  co_return std::nullopt;
}

asio::awaitable<bool> connect(ConnectionPtr connection, const std::string& path) {
  const auto place = find_socket(path);
  if (!place || place->socket.size() > kLongestAddress) {
    co_return false;
  }
  Failure failure;
  const Protocol::endpoint there{place->socket};
  co_await connection->server.async_connect(there,
                                            asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

/// Says why, and takes in what is still said until the client has gone: closed before, the socket
/// would take the answer back.
asio::awaitable<void> refuse(ConnectionPtr connection, std::string text) {
  co_await send(connection->client, std::move(text));
  Failure failure;
  connection->client.shutdown(Protocol::socket::shutdown_send, failure);
  std::vector<char> piece(kMostBytes);
  while (!failure) {
    co_await connection->client.async_read_some(asio::buffer(piece),
                                                asio::redirect_error(asio::use_awaitable, failure));
  }
  connection->close();
}

void end_after(const ConnectionPtr& connection, std::chrono::seconds patience) {
  connection->patience.expires_after(patience);
  connection->patience.async_wait([connection](const Failure& cancelled) {
    if (!cancelled) connection->close();
  });
}

}  // namespace

struct Door::State {
  State(const asio::any_io_executor& its_executor, Access its_access, std::string its_folder)
      : executor(its_executor), access(std::move(its_access)), folder(std::move(its_folder)) {}

  static asio::awaitable<void> let_in(std::shared_ptr<State> self);
  static asio::awaitable<void> serve(std::shared_ptr<State> self, ConnectionPtr connection);
  static asio::awaitable<bool> begin(std::shared_ptr<State> self, ConnectionPtr connection);
  Status listen(const UniqueFd& place);
  /// Whether the socket that is there is the one that this process listens on.
  [[nodiscard]] bool is_ours(const UniqueFd& place) const;

  asio::any_io_executor executor;
  Access access;
  std::string folder;
  std::optional<Protocol::acceptor> acceptor;
  struct stat socket {};  ///< the one we listen on
  std::list<ConnectionPtr> connections;
};

bool Door::State::is_ours(const UniqueFd& place) const {
  struct stat there {};
  return acceptor && ::fstatat(place.get(), kName, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         there.st_ino == socket.st_ino && there.st_dev == socket.st_dev;
}

/// The name changes hands in one step, so that there is always a socket of that name.
Status Door::State::listen(const UniqueFd& place) {
  const std::string draft = ".new-" + std::to_string(::getpid());
  ::unlinkat(place.get(), draft.c_str(), 0);
  Failure failure;
  Protocol::acceptor fresh{executor};
  fresh.open(Protocol{}, failure);
  if (!failure) fresh.bind(Protocol::endpoint{short_path(place, draft)}, failure);
  if (!failure) fresh.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) {
    errno = failure.value();
    return cannot("a socket in " + folder);
  }
  // For whoever is in the sandboxes: what is above this folder keeps others of this machine out.
  constexpr mode_t kForAll = 0666;
  if (::fchmodat(place.get(), draft.c_str(), kForAll, 0) != 0 ||
      ::fstatat(place.get(), draft.c_str(), &socket, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::renameat(place.get(), draft.c_str(), place.get(), kName) != 0) {
    return cannot("the socket in " + folder);
  }
  acceptor = std::move(fresh);
  return Ok{};
}

asio::awaitable<void> Door::State::let_in(std::shared_ptr<State> self) {
  constexpr std::chrono::milliseconds kPause{200};
  while (self->acceptor) {
    auto connection = std::make_shared<Connection>(self->executor);
    Failure failure;
    co_await self->acceptor->async_accept(connection->client,
                                          asio::redirect_error(asio::use_awaitable, failure));
    if (failure == asio::error::operation_aborted || !self->acceptor) {
      co_return;
    }
    if (failure) {  // no descriptor is left
      connection->patience.expires_after(kPause);
      co_await connection->patience.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    } else if (self->connections.size() >= kMostConnections) {
      end_after(connection, kRefusalPatience);
      spawn(self->executor, "refusing a connection to the database",
            refuse(connection, refusal("53300", "sandboxes have too many connections open")));
    } else {
      self->connections.push_back(connection);
      spawn(self->executor, "a connection to the database", serve(self, connection));
    }
  }
}

/// Up to the server's first word; false where there was none.
asio::awaitable<bool> Door::State::begin(std::shared_ptr<State> self, ConnectionPtr connection) {
  const auto startup = co_await take_startup(connection);
  if (!startup) {
    co_return false;
  }
  const bool cancels = startup->code == kCancel;
  const std::string_view parameters = std::string_view{startup->rest}.substr(kHeadBytes);
  const auto message = cancels ? Result<std::string>{startup->rest}
                               : startup_for(startup->code, parameters, self->access);
  if (!message) {
    co_await refuse(connection, refusal("28000", message.error().message));
    co_return false;
  }
  const bool connected = co_await connect(connection, self->access.socket);
  if (!connected) {
    co_await refuse(connection,
                    refusal("08001", "the database server cannot be reached: is it running?"));
    co_return false;
  }
  const bool sent = co_await send(connection->server, *message);
  if (cancels || !sent) {
    co_return false;
  }
  const std::string first = co_await take(connection->server, 1);
  if (!is_first_word(first)) {
    co_return false;
  }
  connection->key.take(first);
  co_return co_await send(connection->client, first);
}

asio::awaitable<void> Door::State::serve(std::shared_ptr<State> self, ConnectionPtr connection) {
  end_after(connection, kStartPatience);
  const bool begun = co_await begin(self, connection);
  connection->patience.cancel();
  if (begun) {
    spawn(self->executor, "questions to the database",
          pass_on_questions(connection, self->access.socket));
    co_await pass_on(connection->server, connection->client, &connection->key);
  }
  connection->close(self->access.socket);
  self->connections.remove(connection);
}

Door::Door(const asio::any_io_executor& executor, Access access, std::string folder)
    : state_(std::make_shared<State>(executor, std::move(access), std::move(folder))) {}

Door::~Door() {
  close();
}

Status Door::open() {
  constexpr mode_t kReadable = 0755;
  const char* const folder = state_->folder.c_str();
  if (::mkdir(folder, kReadable) == 0) ::chmod(folder, kReadable);  // whatever the umask
  const UniqueFd place{::open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!place) return cannot(state_->folder);
  if (state_->is_ours(place)) return Ok{};
  // Another server's may be held up, with nobody who takes in who waits: it is there all the same.
  Failure failure;
  Protocol::socket probe{state_->executor, Protocol{}};
  probe.non_blocking(true, failure);
  probe.connect(Protocol::endpoint{short_path(place, kName)}, failure);
  const bool nobody = failure == asio::error::connection_refused ||
                      failure == boost::system::errc::no_such_file_or_directory;
  if (!nobody) return Ok{};
  close();
  if (Status listening = state_->listen(place); !listening) return listening;
  spawn(state_->executor, "letting in to the database", State::let_in(state_));
  return Ok{};
}

void Door::close() {
  if (state_->acceptor) {
    Failure ignored;
    state_->acceptor->close(ignored);
    state_->acceptor.reset();
  }
  for (const ConnectionPtr& connection : state_->connections) {
    connection->close(state_->access.socket);
  }
}

}  // namespace omcp_r::database
