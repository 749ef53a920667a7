#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"

namespace omcp_r::engine {

// The Go templates that we give to --format, each with the reader of its answer: one JSON object a
// line, with our names, so that nothing depends on the full and changing documents.

extern const char* const kListFormat;     ///< for `docker inspect --type container`
extern const char* const kInspectFormat;  ///< for `docker inspect --type container`
extern const char* const kImageFormat;    ///< for `docker image inspect`

Result<std::vector<ContainerInfo>> parse_containers(std::string_view lines);
Result<ContainerState> parse_state(std::string_view line);
Result<ImageInfo> parse_image(std::string_view line);

/// Seconds since the epoch of "2026-11-23T23:37:33.123456789Z"; 0 if it is no such time.
std::int64_t parse_time(std::string_view text);

/// The container id that `docker run -d` printed: the last line, 64 hexadecimal digits; else "".
std::string parse_container_id(std::string_view out);

/// The lines of `text` that are not empty, trimmed.
std::vector<std::string> non_empty_lines(std::string_view text);

}  // namespace omcp_r::engine
