#include "omcp_r/rpc/stdio_transport.hpp"

#include <utility>

#include "line_reader.hpp"
#include "line_writer.hpp"

namespace omcp_r::rpc {

StdioTransport::StdioTransport(const asio::any_io_executor& executor, int input, int output,
                               TransportLimits limits)
    : reader_(std::make_shared<LineReader>(executor, input, limits.line_bytes)),
      writer_(std::make_shared<LineWriter>(executor, output, limits.queue_bytes)) {
  set_on_progress(nullptr);
}

StdioTransport::~StdioTransport() {
  writer_->set_on_progress(nullptr);
  writer_->close();
  reader_->close();
}

asio::awaitable<std::optional<Line>> StdioTransport::read_line() {
  return reader_->read_line();
}

void StdioTransport::close_input() {
  reader_->close();
}

void StdioTransport::send(std::string line) {
  writer_->send(std::move(line));
}

bool StdioTransport::congested() const {
  return writer_->congested();
}

void StdioTransport::set_on_progress(std::function<void()> on_progress) {
  writer_->set_on_progress(
      [reader = reader_, writer = writer_.get(), tell = std::move(on_progress)] {
        if (writer->broken()) {
          reader->close();
        }
        if (tell) {
          tell();
        }
      });
}

std::size_t StdioTransport::queued_bytes() const {
  return writer_->queued_bytes();
}

Clock::time_point StdioTransport::last_progress() const {
  return writer_->last_progress();
}

bool StdioTransport::broken() const {
  return writer_->broken();
}

bool StdioTransport::hung_up() const {
  return reader_->hung_up();
}

bool StdioTransport::has_partial_line() const {
  return reader_->has_partial_line();
}

}  // namespace omcp_r::rpc
