#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omcp_r {

/// The largest image that is accepted.
struct PngLimits {
  std::uint32_t width = 4'000;
  std::uint32_t height = 4'000;
  std::uint64_t bytes = 32'000'000;  ///< of its pixels, inflated: a check is one turn of work
};

struct PngSize {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// The size of `bytes` if they are a PNG image that every decoder accepts: whole, of legal
/// structure, every checksum right, its pixels exactly as many as its header says, and nothing
/// after its end. Interlaced images and critical chunks beyond the standard's four are refused,
/// legal or not: R writes neither.
///
/// For bytes from outside: time is linear in their number and in the limits, memory is constant,
/// and inflating stops where it would exceed what the header says.
std::optional<PngSize> check_png(std::string_view bytes, const PngLimits& limits = {});

struct Picture {
  PngSize size;
  std::string rgb;  ///< a byte each of red, green and blue, row by row
};

/// The pixels of what check_png() accepts, on white where they are transparent. nullopt for what it
/// refuses, and for samples of other than eight bits, which R's devices do not write either.
std::optional<Picture> decode_png(std::string_view bytes, const PngLimits& limits = {});

}  // namespace omcp_r
