#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/wire.hpp"

namespace omcp_r::sandbox {

/// Where the result of a coroutine will be.
template <class T>
using Later = std::shared_ptr<std::optional<T>>;

template <class T>
asio::awaitable<void> store(asio::awaitable<T> work, Later<T> result) {
  result->emplace(co_await std::move(work));
}

/// Starts `work` beside everything else.
template <class T>
Later<T> start(asio::io_context& io, asio::awaitable<T> work) {
  auto result = std::make_shared<std::optional<T>>();
  asio::co_spawn(io, store(std::move(work), result), [](const std::exception_ptr& thrown) {
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  });
  return result;
}

/// Gives everything that is ready a turn until `condition` holds; false after a generous while.
inline bool run_until(asio::io_context& io, const std::function<bool()>& condition) {
  const auto ceiling = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!condition() && std::chrono::steady_clock::now() < ceiling) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds{20});
  }
  return condition();
}

/// Runs `work` to its end.
template <class T>
T run_sync(asio::io_context& io, asio::awaitable<T> work) {
  const Later<T> result = start(io, std::move(work));
  if (!run_until(io, [&] { return result->has_value(); })) {
    throw std::runtime_error("the work of a test did not end");
  }
  return std::move(**result);
}

/// A frame of writer R or S, as the worker or an attacker writes it.
inline std::string frame(char writer, char type, const std::string& id, const std::string& payload,
                         bool more = false, std::uint32_t sequence = 1) {
  char header[wire::kHeader + 1];
  std::snprintf(header, sizeof header, "\x02OM2%c%c%c%08x%.16s%04x:", writer, type,
                more ? '+' : '.', sequence, id.c_str(), static_cast<unsigned>(payload.size()));
  return std::string{header, wire::kHeader} + payload + "\x03";
}

/// A whole message of the worker in as many frames as it takes.
inline std::string message(char type, const std::string& id, std::string_view bytes) {
  std::string frames;
  do {
    const std::string payload{bytes.substr(0, wire::kPayload)};
    bytes.remove_prefix(payload.size());
    frames += frame('R', type, id, payload, !bytes.empty());
  } while (!bytes.empty());
  return frames;
}

inline std::string mark(char kind, const std::string& id) {
  return std::string("\x02OM2") + kind + id + "\n";
}

inline const std::string& no_id() {
  static const std::string kZeros(wire::kId, '0');
  return kZeros;
}

}  // namespace omcp_r::sandbox
