#include "docker_attachment.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "omcp_r/process/child.hpp"

namespace omcp_r::engine {
namespace {

using process::Child;
using process::Interest;
using process::Output;

constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

/// Lives as long as a pending read or write, which may be longer than the Attachment.
struct AttachedStream {
  std::shared_ptr<Child> child;
  bool closed = false;
  std::string held_out;        ///< read from kOut, but waiting for kErr's turn
  std::size_t err_before = 0;  ///< bytes of kErr that were there before held_out
};

using Shared = std::shared_ptr<AttachedStream>;

std::optional<Chunk> take_err(AttachedStream& stream, std::size_t max) {
  std::string bytes = stream.child->try_read(Output::kErr, std::min(max, kChunkBytes));
  if (bytes.empty()) {
    return std::nullopt;
  }
  return Chunk{Stream::kErr, std::move(bytes)};
}

/// What is there now. Output that was printed to kErr before some to kOut goes first: a reader that
/// sees the end of an execution on kOut then has seen what was complained about before it.
std::optional<Chunk> take(AttachedStream& stream) {
  if (stream.held_out.empty()) {
    stream.held_out = stream.child->try_read(Output::kOut, kChunkBytes);
    stream.err_before = stream.child->available(Output::kErr);
    if (stream.held_out.empty()) {
      return take_err(stream, kChunkBytes);
    }
  }
  if (stream.err_before > 0) {
    auto chunk = take_err(stream, stream.err_before);
    stream.err_before -= chunk ? chunk->bytes.size() : stream.err_before;
    if (chunk) {
      return chunk;
    }
  }
  return Chunk{Stream::kOut, std::exchange(stream.held_out, {})};
}

/// After the client's end nothing more can come but what a stray relative of it might write.
bool finished(const Child& child) {
  return child.exit_status().has_value() ||
         (child.at_end(Output::kOut) && child.at_end(Output::kErr));
}

asio::awaitable<std::optional<Chunk>> read_from(Shared stream) {
  for (;;) {
    if (stream->closed) {
      co_return std::nullopt;
    }
    const bool last_look = finished(*stream->child);
    auto chunk = take(*stream);
    if (chunk || last_look) {
      co_return chunk;
    }
    co_await stream->child->changed(Interest::kOutput);
  }
}

asio::awaitable<Status> write_to(Shared stream, std::string bytes) {
  std::string_view left{bytes};
  while (!stream->closed && !stream->child->exit_status() && stream->child->try_write(left)) {
    if (left.empty()) {
      co_return Ok{};
    }
    co_await stream->child->changed(Interest::kRoom);
  }
  co_return Error{Errc::kEnded,
                  "The connection to the sandbox has ended. Try again; if the sandbox has ended "
                  "too, create a new one."};
}

class DockerAttachment final : public Attachment {
 public:
  explicit DockerAttachment(std::shared_ptr<Child> child)
      : stream_(std::make_shared<AttachedStream>()) {
    stream_->child = std::move(child);
  }
  ~DockerAttachment() override { detach(); }

  asio::awaitable<Status> write(std::string bytes) override {
    return write_to(stream_, std::move(bytes));
  }
  asio::awaitable<std::optional<Chunk>> read() override { return read_from(stream_); }
  void close() override { detach(); }

 private:
  /// The client is killed: it would not end by itself, and killing it harms nothing.
  void detach() {
    stream_->closed = true;
    stream_->child->close();
  }

  Shared stream_;
};

}  // namespace

Result<std::unique_ptr<Attachment>> attach_with(const asio::any_io_executor& executor,
                                                process::Launch launch) {
  launch.with_input = true;
  auto child = Child::spawn(executor, launch);
  if (!child) {
    return Error{Errc::kEngineUnavailable,
                 "The docker client did not start: " + child.error().message +
                     ". Check the installation of Docker, then try again."};
  }
  return std::unique_ptr<Attachment>{std::make_unique<DockerAttachment>(std::move(*child))};
}

}  // namespace omcp_r::engine
