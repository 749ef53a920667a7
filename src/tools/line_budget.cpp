#include "line_budget.hpp"

#include <algorithm>
#include <utility>

#include "omcp_r/rpc/json_text.hpp"

namespace omcp_r::tools {
namespace {

/// No character takes more on the wire.
constexpr std::size_t kMostPerChar = 6;
/// The note of a shortened transcript that tells what was left out.
constexpr std::size_t kNote = 200;

/// Beyond itself, what the character at the start of `rest` takes; see rpc::to_text().
std::size_t growth(std::string_view rest) {
  const char c = rest.front();
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\' || (byte >= 0x08 && byte <= 0x0D && byte != 0x0B)) {
    return 1;
  }
  if (byte < 0x20 || byte == 0x7F) {
    return 5;
  }
  if (byte == 0xC2 && rest.starts_with("\xC2\x85")) {
    return 4;
  }
  const bool breaks_line = rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9");
  return byte == 0xE2 && breaks_line ? 3 : 0;
}

std::size_t bytes_of(const std::vector<std::string>& texts) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += text_bytes(text);
  }
  return bytes;
}

}  // namespace

std::size_t text_bytes(std::string_view text) {
  std::size_t bytes = 2 + text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    bytes += growth(text.substr(i));
  }
  return bytes;
}

std::size_t json_bytes(const mcp::Json& json) {
  return rpc::to_text(json).size();
}

std::string cut_text(std::string_view text, std::size_t max_bytes) {
  std::size_t end = std::min(max_bytes, text.size());
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return std::string{text.substr(0, end)};
}

std::size_t plot_bytes(const sandbox::Plot& plot) {
  return (plot.bytes.size() + 2) / 3 * 4;
}

FittedOutput output_that_fits(const sandbox::Transcript& transcript,
                              const std::vector<std::uint64_t>& places, std::size_t room) {
  std::vector<std::string> pieces = transcript.pieces(transcript.max_chars(), places);
  const std::size_t bytes = bytes_of(pieces);
  if (bytes <= room) {
    return {std::move(pieces), false};
  }
  // Its characters may be dearer where it is kept than on the whole; then each is taken for the
  // dearest.
  const std::size_t usable = room - std::min(room, kNote + 2 * places.size());
  std::size_t text = 0;
  for (const std::string& piece : pieces) {
    text += piece.size();
  }
  const auto chars = static_cast<double>(std::min(transcript.max_chars(), text));
  const double share = static_cast<double>(usable) / static_cast<double>(bytes);
  pieces = transcript.pieces(static_cast<std::size_t>(0.9 * share * chars), places);
  if (bytes_of(pieces) > room) {
    pieces = transcript.pieces(usable / kMostPerChar, places);
  }
  return {std::move(pieces), true};
}

}  // namespace omcp_r::tools
