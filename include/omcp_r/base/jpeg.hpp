#pragma once

#include <cstdint>
#include <string_view>

namespace omcp_r {

/// Whether `bytes` are a JPEG image as cameras and R's devices write them, of up to `side` pixels
/// each way: baseline or progressive, 8 bits, grey or three colours, every segment of legal
/// structure, the tables that a scan needs there before it, and nothing after the end. What stands
/// in a scan is not decoded: every decoder shows what it makes of it.
///
/// For bytes from outside: time is linear in their number, memory is constant, and an image of more
/// scans than a progressive one has is refused, since each costs its reader the whole image.
bool is_jpeg(std::string_view bytes, std::uint32_t side);

}  // namespace omcp_r
