#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The wire between this server and what runs in a sandbox. Both ends stand in the same commit; a
// sandbox whose label names another version of it is never talked to.
//
// clang-format off
//   server ──── standard input ────▶ worker              frames of writer C
//   server ◀─── standard output ──── worker, supervisor  frames of writers R and S: the control channel
//   server ◀─── standard error ───── all of them         the transcript: text, and marks in it
// clang-format on
//
// A frame has at most 4,096 bytes, the amount that a pipe takes in one piece, and is written by one
// write(): so the frames of two writers on one pipe never mix.
//
//   offset  0  4  \x02 O M 2                    ┐
//           4  1  writer    C, R or S           │
//           5  1  type      see below           │ 36 bytes, fixed, printable but for the first:
//           6  1  + more of this message        │ a shell can write them
//                 . the last frame of it        │
//           7  8  sequence  of this writer, hex │
//          15 16  id        of the execution or │
//                 call, hex; zeros for none     │
//          31  4  length of the payload, hex    │
//          35  1  :                             ┘
//          36  n  payload, any bytes
//        36+n  1  \x03
//
// Sequences count up by one for each frame of a writer, from 1; a gap means that frames were lost.
// A message is one frame or several of the same writer, type and id, without another of that writer
// between them. A frame that does not end with \x03 is none: whoever finds one goes on looking for
// \x02OM2 after its header.
//
// clang-format off
//   type  from the server: "name value\n" lines, an empty line, a body   answered by
//   h     hello: [idle SECONDS], [given 1], [quiet 1]: no use of it       H
//   r     run: timeout, [session], [width], [height], [res]; code        D, or U where R is another
//   c     collect: the id is that of the run                             D or U
//   l     files: max                                                     A: a JSON array, or F
//   g     get: offset, max; path                                         A: "SIZE\n" and bytes, or F
//   p     put: path_bytes, offset, last 0 or 1; path and bytes           A, or F
//   s     session: what it is and what it ran                            A: JSON, or F
//   k     what is there: [versions 1]                                    A: JSON, or F
//   n     load namespaces, in a spare: names with blanks between them    A: those not there, or F
//   o     the variables of the session                                    A: JSON, or F
//   w     how many lines are whole: code                                 A: that, more or nothing
//   t     what completes a line: the line up to the cursor               A: JSON, or F
//
//   type  from the worker
//   H     greeted: JSON                    D  a run is done: its report, JSON
//   A     answer to a call                 U  nothing is known of that run
//   F     a call failed: text              W  a warning, when it happens: JSON
//   R     a new session is up              P  a page: its number in four hex digits; f, or o where
//                                             it may be drawn on; PNG, or nothing: not to be shown.
//                                             Or s, two digits and as many bytes of the name of a
//                                             file that it is of; PNG or JPEG
//
//   type  from the supervisor (id: zeros)
//   t     still here, while code runs      x  R has ended: "STATUS KILLED", 0 or 1
//   i     an interrupt was passed on       k  R is being killed, as asked
//   z     the sandbox ends: idle, lifetime, asked or broken
// clang-format on
//
// Marks in the transcript are 22 bytes: \x02 O M 2, then B (a run begins), E (it has ended), P (a
// page has its place here; the id is the first 12 digits of the run's and the page's number in
// four) or X (R has ended, from the supervisor; id: zeros), the id, and a newline. They are never
// shown.
//
// Large things travel in slices that the server asks for one by one (g), or that are answered one
// by one (p): no side sends more than kSlice unasked, and who stops asking has cancelled.
namespace omcp_r::sandbox::wire {

inline constexpr int kProtocol = 4;
inline constexpr std::size_t kFrame = 4096;
inline constexpr std::size_t kHeader = 36;
inline constexpr std::size_t kPayload = kFrame - kHeader - 1;
inline constexpr std::size_t kId = 16;
inline constexpr std::size_t kMark = 22;
inline constexpr std::size_t kSlice = std::size_t{256} << 10;

/// A new id for an execution or a call: 16 hexadecimal digits.
std::string new_id();
/// How many digits of a run's id a mark of type P begins with.
inline constexpr std::size_t kPageId = 12;
/// `digits`, hexadecimal, as a number.
std::optional<unsigned> number_of(std::string_view digits);
bool is_id(std::string_view text);

/// A frame as it was read; the payload points into the reader's buffer.
struct Frame {
  char writer = 0;
  char type = 0;
  bool more = false;
  std::uint32_t sequence = 0;
  std::string_view id;
  std::string_view payload;
};

/// `message` as frames of writer C. `sequence` is the last one used, and is counted on.
std::string encode(char type, std::string_view id, std::string_view message,
                   std::uint32_t& sequence);

/// What ends the half frame that a server killed while writing may have left in the pipe.
std::string padding();

/// Finds frames in the bytes of the control channel, where hostile code can write too. Each byte is
/// looked at a bounded number of times, and no more than one frame is held.
class FrameReader {
 public:
  /// Takes bytes; next() then gives the frames that they complete.
  void feed(std::string_view bytes);
  /// The next frame, valid until the next call of either; nullopt when more bytes are needed.
  std::optional<Frame> next();
  /// Bytes looked at, counted each time: tests hold it against the bytes that came.
  [[nodiscard]] std::uint64_t work() const { return work_; }

 private:
  std::string buffer_;
  std::size_t at_ = 0;  ///< where the unread part of it begins
  std::uint64_t work_ = 0;
};

/// Divides the transcript into text and marks.
class MarkReader {
 public:
  struct Piece {
    char mark = 0;          ///< B, E, P or X; 0 for text
    std::string_view id;    ///< of a mark
    std::string_view text;  ///< of a text
  };
  void feed(std::string_view bytes);
  /// The next piece, valid until the next call of either; nullopt when more bytes are needed. A
  /// text that could be the beginning of a mark waits for the bytes that decide.
  std::optional<Piece> next();
  /// What waits, taken out: for when nothing more will come.
  std::string rest();
  [[nodiscard]] std::uint64_t work() const { return work_; }

 private:
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t work_ = 0;
};

}  // namespace omcp_r::sandbox::wire
