#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "omcp_r/base/png.hpp"

namespace omcp_r::commands {

/// A picture as DEC's terminals want it, six rows at a time, made smaller by a whole factor until
/// it is no wider than `width` pixels (0: not known). Up to 256 colours are as they are; of more,
/// each becomes the nearest of 252.
std::string sixel_text(const Picture& picture, std::size_t width = 0);

/// Asks the terminal that this process has whether it shows such pictures, and waits for its answer
/// for half a second at most. nullopt where it could not be asked just now, as while a person
/// types.
std::optional<bool> terminal_shows_sixel();

}  // namespace omcp_r::commands
