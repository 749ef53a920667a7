#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/engine/images.hpp"
#include "run_policy.hpp"

namespace omcp_r::engine {

/// What inspecting a container tells.
struct Inspected {
  Found found;
  std::string name;  ///< of the container
  AppliedLimits limits;
};

/// The Go template for `docker inspect --type=container --format`: one JSON object a line, with our
/// names and our labels only, so that nothing depends on the full and changing documents and an
/// image's own labels cost nothing. `id` is the field of an id.
std::string inspect_format(std::string_view id = "Id");

/// Reads what inspect_format() made docker print; containers without our id are left out.
Result<std::vector<Inspected>> parse_containers(std::string_view lines);

/// The same for `docker image inspect --format`: what parse_images() reads.
std::string image_format(std::string_view id = "Id");

/// Images without their names, which are the caller's.
Result<std::vector<Image>> parse_images(std::string_view lines);

/// The digest of an image from its id, of which podman leaves the kind out.
std::string image_digest(const std::string& id);

/// Seconds since the epoch of "2026-11-23T23:37:33.123456789Z"; 0 if it is no such time.
std::int64_t parse_time(std::string_view text);

/// The container id that `docker run -d` printed: the last line, 64 hexadecimal digits; else "".
std::string parse_container_id(std::string_view out);

/// The lines of `text` that are not empty, trimmed.
std::vector<std::string> non_empty_lines(std::string_view text);

}  // namespace omcp_r::engine
