#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/execution.hpp"

// Hosts accept lines of 1,000,000 bytes. What a result holds beside its output is bounded part by
// part, plots get what is left of the line beside a little output, and output gets the rest.
namespace omcp_r::tools {

/// What a result may take of the line; the rest is the envelope.
inline constexpr std::size_t kLineBudget = 930'000;
/// Of all plots, in base64.
inline constexpr std::size_t kPlotBytes = 720'000;
/// Of the output, which stands in a result twice, each time: kept free of plots.
inline constexpr std::size_t kLeastOutput = 30'000;

/// Bytes of `text` as a JSON string on the wire; exact for valid UTF-8.
std::size_t text_bytes(std::string_view text);
/// Bytes of `json` on the wire.
std::size_t json_bytes(const mcp::Json& json);

/// `text`, or as much of it as a report holds of one text, cut between characters.
std::string cut_text(std::string_view text, std::size_t max_bytes = 9'000);

/// What a plot takes, in base64.
std::size_t plot_bytes(const sandbox::Plot& plot);

struct FittedOutput {
  std::vector<std::string> pieces;  ///< as Transcript::pieces()
  bool shortened = false;           ///< further than the transcript itself is
};
/// The transcript, cut at `places`, in at most `room` bytes as JSON strings. The text is made three
/// times at most.
FittedOutput output_that_fits(const sandbox::Transcript& transcript,
                              const std::vector<std::uint64_t>& places, std::size_t room);

}  // namespace omcp_r::tools
