// The control channel and the transcript of a sandbox: user code can write on both.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "omcp_r/sandbox/wire.hpp"

namespace {

using namespace omcp_r::sandbox::wire;

// A feed looks at no more than this anew, and a byte at no more than this often.
constexpr std::uint64_t kWorkOfAFeed = 128;
constexpr std::uint64_t kWorkOfAByte = 12;

struct Read {
  std::vector<std::string> parts;
  std::uint64_t work = 0;
};

/// What a reader makes of `bytes`, that come in pieces of `step`. More than linear work is a
/// finding.
template <class Reader, class Text>
Read read(std::string_view bytes, std::size_t step, Text text) {
  Reader reader;
  Read result;
  std::uint64_t feeds = 1;
  for (std::size_t at = 0; at < bytes.size(); at += step, ++feeds) {
    reader.feed(bytes.substr(at, step));
    while (const auto part = reader.next()) {
      text(*part, result.parts);
    }
  }
  FUZZ_CHECK(reader.work() <= kWorkOfAByte * bytes.size() + kWorkOfAFeed * feeds);
  return result;
}

Read frames_of(std::string_view bytes, std::size_t step) {
  return read<FrameReader>(bytes, step, [](const Frame& frame, std::vector<std::string>& parts) {
    FUZZ_CHECK(frame.payload.size() <= kPayload);
    parts.push_back(std::string{frame.writer, frame.type}.append(frame.id).append(frame.payload));
  });
}

Read pieces_of(std::string_view bytes, std::size_t step) {
  return read<MarkReader>(bytes, step,
                          [](const MarkReader::Piece& piece, std::vector<std::string>& parts) {
                            if (piece.mark != 0) {
                              parts.push_back(std::string{piece.mark}.append(piece.id));
                              parts.emplace_back();
                            } else {
                              if (parts.empty()) {
                                parts.emplace_back();
                              }
                              parts.back().append(piece.text);
                            }
                          });
}

}  // namespace

/// However the bytes are cut, they mean the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  FUZZ_CHECK(frames_of(bytes, size + 1).parts == frames_of(bytes, 7).parts);
  FUZZ_CHECK(frames_of(bytes, 65'536).parts == frames_of(bytes, 4'095).parts);
  FUZZ_CHECK(pieces_of(bytes, size + 1).parts == pieces_of(bytes, 7).parts);
  return 0;
}
