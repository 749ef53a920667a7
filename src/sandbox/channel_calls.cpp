#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/channel.hpp"
#include "pause.hpp"

// What the server asks of the worker: the one place with the words of its requests.

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kMaxListed = 1000;
constexpr std::size_t kMaxReason = 500;

std::string field(const char* name, std::int64_t value) {
  return std::string{name} + ' ' + std::to_string(value) + '\n';
}

std::string field(const char* name, const std::optional<int>& value) {
  return value ? field(name, std::int64_t{*value}) : "";
}

Error changed_meanwhile(const std::string& path) {
  return Error{Errc::kInvalidArgument, "The file " + path + " changed while it was read."};
}

/// Takes "SIZE\n" off the front.
std::optional<std::uint64_t> take_size(std::string& bytes) {
  std::uint64_t size = 0;
  const auto newline = bytes.find('\n');
  const auto parsed = std::from_chars(bytes.data(), bytes.data() + bytes.size(), size);
  if (newline == std::string::npos || parsed.ec != std::errc{} ||
      parsed.ptr != bytes.data() + newline) {
    return std::nullopt;
  }
  bytes.erase(0, newline + 1);
  return size;
}

template <class T>
Result<T> readable(std::optional<T> told) {
  if (!told) {
    return Error{Errc::kInternal, "What the session told of itself could not be read."};
  }
  return std::move(*told);
}

}  // namespace

void Channel::send(char type, const std::string& id, const std::string& message) {
  outgoing_.push_back(wire::encode(type, id, message, sent_));
  changed_.notify_all();
}

asio::awaitable<Result<std::string>> Channel::call(char type, std::string message,
                                                   Clock::time_point deadline) {
  const std::shared_ptr<Channel> self = shared_from_this();
  const std::string id = wire::new_id();
  send(type, id, message);
  Call& waiting = calls_[id];
  waiting.type = type;
  waiting.message = std::move(message);
  while (!calls_[id].answer && !ended_ && Clock::now() < deadline) {
    co_await changed_.wait_until(deadline);
  }
  std::optional<Result<std::string>> answer = std::move(calls_[id].answer);
  calls_.erase(id);
  if (answer && !*answer) {
    co_return Error{answer->error().code, printable(answer->error().message, kMaxReason)};
  }
  if (answer) {
    co_return std::move(*answer);
  }
  if (given_up_) {
    co_return lost_error();
  }
  if (ended_) {
    co_return Error{Errc::kEnded, "The sandbox ended."};
  }
  co_return Error{Errc::kBusy, "R is busy."};
}

asio::awaitable<Result<Greeting>> Channel::greet(Hello hello, Clock::time_point deadline) {
  std::string message = hello.idle ? field("idle", *hello.idle) : "";
  message += hello.given ? field("given", 1) : "";
  message += hello.quiet ? field("quiet", 1) : "";
  const auto answer = co_await call('h', message + '\n', deadline);
  if (!answer) {
    co_return answer.error();
  }
  auto greeting = parse_greeting(*answer);
  if (!greeting) {
    co_return Error{Errc::kInternal, "What answered in the sandbox is not its worker."};
  }
  session_ = greeting->session;
  co_return std::move(*greeting);
}

// For the session that greeted alone: another one has none of its variables.
void Channel::run(const ExecutionPtr& execution, const ExecutionRequest& request) {
  begin(execution);
  execution->timeout = request.timeout;
  send('r', execution->id,
       (session_ > 0 ? field("session", static_cast<std::int64_t>(session_)) : "") +
           field("timeout", request.timeout.count()) + field("width", request.plot_width) +
           field("height", request.plot_height) + field("res", request.plot_resolution) + '\n' +
           request.code);
}

void Channel::collect(const ExecutionPtr& execution) {
  begin(execution);
  inside_ = true;
  heard_.begun = true;
  execution->joined_late = true;
  send('c', execution->id, "\n");
}

asio::awaitable<Status> Channel::put(std::string path, std::string bytes,
                                     Clock::time_point deadline) {
  const std::shared_ptr<Channel> self = shared_from_this();
  std::size_t offset = 0;
  do {
    const std::string slice = bytes.substr(offset, wire::kSlice);
    const bool last = offset + slice.size() == bytes.size();
    std::string message = field("path_bytes", static_cast<std::int64_t>(path.size())) +
                          field("offset", static_cast<std::int64_t>(offset)) +
                          field("last", last ? 1 : 0) + '\n' + path + slice;
    const auto answer = co_await call('p', std::move(message), deadline);
    if (!answer) {
      co_return answer.error();
    }
    offset += slice.size();
  } while (offset < bytes.size());
  co_return Ok{};
}

// One answer's worth of a file; a lie about its size is an error.
asio::awaitable<Result<FilePart>> Channel::slice(std::string path, std::uint64_t offset,
                                                 std::uint64_t most, Clock::time_point deadline) {
  const auto wanted = static_cast<std::int64_t>(std::min<std::uint64_t>(most, wire::kSlice));
  std::string message =
      field("offset", static_cast<std::int64_t>(offset)) + field("max", wanted) + '\n' + path;
  auto answer = co_await call('g', std::move(message), deadline);
  if (!answer) {
    co_return answer.error();
  }
  const auto size = take_size(*answer);
  const std::uint64_t left = size && *size > offset ? *size - offset : 0;
  const std::uint64_t bound = std::min<std::uint64_t>(left, most);
  if (!size || answer->size() > bound || (bound > 0 && answer->empty())) {
    co_return changed_meanwhile(path);
  }
  FilePart part;
  part.size = *size;
  part.bytes = std::move(*answer);
  co_return part;
}

asio::awaitable<Status> Channel::get(std::string path, std::uint64_t limit, ByteSink sink,
                                     Clock::time_point deadline) {
  const std::shared_ptr<Channel> self = shared_from_this();
  std::uint64_t taken = 0;
  for (;;) {
    const auto part = co_await slice(path, taken, wire::kSlice, deadline);
    if (!part) {
      co_return part.error();
    }
    if (part->size > limit) {
      co_return Error{Errc::kInvalidArgument,
                      path + " is too large: it has " + std::to_string(part->size) +
                          " bytes, the limit is " + std::to_string(limit) + "."};
    }
    taken += part->bytes.size();
    Status accepted = sink(part->bytes);
    if (!accepted || taken >= part->size) {
      co_return accepted;
    }
  }
}

asio::awaitable<Result<FilePart>> Channel::get_part(std::string path, std::uint64_t offset,
                                                    std::uint64_t most,
                                                    Clock::time_point deadline) {
  const std::shared_ptr<Channel> self = shared_from_this();
  FilePart all;
  for (;;) {
    const std::uint64_t taken = all.bytes.size();
    const auto part = co_await slice(path, offset + taken, most - taken, deadline);
    if (!part) {
      co_return part.error();
    }
    if (taken > 0 && part->size != all.size) {
      co_return changed_meanwhile(path);
    }
    all.size = part->size;
    all.bytes += part->bytes;
    if (all.bytes.size() >= most || offset + all.bytes.size() >= all.size) {
      co_return all;
    }
  }
}

asio::awaitable<Result<std::vector<FileEntry>>> Channel::files(Clock::time_point deadline) {
  const auto answer = co_await call('l', field("max", std::int64_t{kMaxListed}) + '\n', deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return parse_files(*answer);
}

asio::awaitable<Result<SessionFacts>> Channel::session(Clock::time_point deadline) {
  const auto answer = co_await call('s', "\n", deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return readable(parse_session(*answer));
}

asio::awaitable<Result<std::string>> Channel::preload(std::string packages,
                                                      Clock::time_point deadline) {
  return call('n', "\n" + std::move(packages), deadline);
}

asio::awaitable<Result<Surroundings>> Channel::surroundings(bool versions,
                                                            Clock::time_point deadline) {
  std::string message = versions ? field("versions", std::int64_t{1}) + '\n' : "\n";
  const auto answer = co_await call('k', std::move(message), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return readable(parse_surroundings(*answer));
}

asio::awaitable<Result<Objects>> Channel::objects(Clock::time_point deadline) {
  const auto answer = co_await call('o', "\n", deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return readable(parse_objects(*answer));
}

asio::awaitable<Result<Reading>> Channel::reading(std::string code, Clock::time_point deadline) {
  const auto answer = co_await call('w', "\n" + std::move(code), deadline);
  if (!answer) {
    co_return answer.error();
  }
  Reading read;
  read.nothing = *answer == "nothing";
  std::from_chars(answer->data(), answer->data() + answer->size(), read.lines);
  co_return read;
}

asio::awaitable<Result<Completions>> Channel::completions(std::string line,
                                                          Clock::time_point deadline) {
  const auto answer = co_await call('t', "\n" + std::move(line), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return readable(parse_completions(*answer));
}

}  // namespace omcp_r::sandbox
