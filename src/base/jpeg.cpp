#include "omcp_r/base/jpeg.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <optional>
#include <vector>

#include "omcp_r/base/text.hpp"

// ITU-T T.81, annex B: the syntax of compressed data.

namespace omcp_r {
namespace {

constexpr unsigned kMarker = 0xFF;
constexpr unsigned kStartOfImage = 0xD8;
constexpr unsigned kEndOfImage = 0xD9;
constexpr unsigned kStartOfScan = 0xDA;
constexpr unsigned kQuantization = 0xDB;
constexpr unsigned kRestartInterval = 0xDD;
constexpr unsigned kHuffman = 0xC4;
constexpr unsigned kBaseline = 0xC0;
constexpr unsigned kProgressive = 0xC2;
constexpr unsigned kComment = 0xFE;
constexpr std::size_t kTables = 4;
constexpr unsigned kLastCoefficient = 63;
constexpr int kMostScans = 32;

unsigned word_at(std::string_view bytes, std::size_t place) {
  return byte_at(bytes, place) << 8U | byte_at(bytes, place + 1);
}

bool is_restart(unsigned marker) {
  return marker >= 0xD0 && marker <= 0xD7;
}

struct Component {
  unsigned id = 0;
  unsigned table = 0;  ///< of quantization
};

class Reader {
 public:
  Reader(std::string_view bytes, std::uint32_t side) : rest_(bytes), side_(side) {}

  bool is_whole() {
    if (rest_.size() < 4 || take_marker() != kStartOfImage) {
      return false;
    }
    for (;;) {
      const unsigned marker = take_marker();
      if (marker == kEndOfImage) {
        return rest_.empty() && scans_ > 0;
      }
      const auto segment = take_segment();
      if (!segment || !take(marker, *segment)) {
        return false;
      }
    }
  }

 private:
  /// 0 where there is none.
  unsigned take_marker() {
    if (rest_.size() < 2 || byte_at(rest_, 0) != kMarker) {
      return 0;
    }
    const unsigned marker = byte_at(rest_, 1);
    rest_.remove_prefix(2);
    return marker;
  }

  std::optional<std::string_view> take_segment() {
    if (rest_.size() < 2 || word_at(rest_, 0) < 2 || word_at(rest_, 0) > rest_.size()) {
      return std::nullopt;
    }
    const std::string_view segment = rest_.substr(2, word_at(rest_, 0) - 2U);
    rest_.remove_prefix(segment.size() + 2);
    return segment;
  }

  bool take(unsigned marker, std::string_view segment) {
    switch (marker) {
      case kQuantization:
        return take_quantization(segment);
      case kHuffman:
        return take_huffman(segment);
      case kRestartInterval:
        restarts_ = true;
        return segment.size() == 2;
      case kBaseline:
      case kBaseline + 1:
      case kProgressive:
        progressive_ = marker == kProgressive;
        return take_frame(segment);
      case kStartOfScan:
        return take_scan(segment) && take_coded();
      default:
        return marker == kComment || (marker >= 0xE0 && marker <= 0xEF);
    }
  }

  bool take_quantization(std::string_view segment) {
    while (!segment.empty()) {
      const unsigned precision = byte_at(segment, 0) >> 4U;
      const unsigned table = byte_at(segment, 0) & 0xFU;
      const std::size_t size = 1 + 64 * (std::size_t{precision} + 1);
      if (precision > 1 || table >= kTables || segment.size() < size) {
        return false;
      }
      quantization_.set(table);
      segment.remove_prefix(size);
    }
    return true;
  }

  bool take_huffman(std::string_view segment) {
    constexpr std::size_t kLengths = 16;
    while (!segment.empty()) {
      const unsigned kind = byte_at(segment, 0) >> 4U;
      const unsigned table = byte_at(segment, 0) & 0xFU;
      if (kind > 1 || table >= kTables || segment.size() < 1 + kLengths) {
        return false;
      }
      unsigned codes = 0;
      unsigned room = 1;  // codes of a length that are still to be had
      for (std::size_t i = 1; i <= kLengths; ++i) {
        const unsigned count = byte_at(segment, i);
        room *= 2;
        if (count > room) {
          return false;
        }
        room -= count;
        codes += count;
      }
      if (codes > 256 || segment.size() < 1 + kLengths + codes) {
        return false;
      }
      huffman_[kind].set(table);
      segment.remove_prefix(1 + kLengths + codes);
    }
    return true;
  }

  bool take_frame(std::string_view segment) {
    if (!components_.empty() || segment.size() < 6) {
      return false;
    }
    const unsigned height = word_at(segment, 1);
    const unsigned width = word_at(segment, 3);
    const std::size_t count = byte_at(segment, 5);
    if (byte_at(segment, 0) != 8 || height == 0 || width == 0 || height > side_ || width > side_ ||
        (count != 1 && count != 3) || segment.size() != 6 + 3 * count) {
      return false;
    }
    unsigned blocks = 0;
    for (std::size_t i = 6; i < segment.size(); i += 3) {
      const unsigned across = byte_at(segment, i + 1) >> 4U;
      const unsigned down = byte_at(segment, i + 1) & 0xFU;
      const Component component{byte_at(segment, i), byte_at(segment, i + 2)};
      if (find(component.id) != nullptr || across < 1 || across > 4 || down < 1 || down > 4 ||
          component.table >= kTables) {
        return false;
      }
      blocks += across * down;
      components_.push_back(component);
    }
    constexpr unsigned kMostBlocks = 10;  // of a unit in which the components are interleaved
    return count == 1 || blocks <= kMostBlocks;
  }

  bool take_scan(std::string_view segment) {
    const std::size_t count = segment.empty() ? 0 : byte_at(segment, 0);
    if (count < 1 || count > components_.size() || segment.size() != 4 + 2 * count ||
        ++scans_ > kMostScans) {
      return false;
    }
    const unsigned first = byte_at(segment, segment.size() - 3);
    const unsigned last = byte_at(segment, segment.size() - 2);
    const unsigned high = byte_at(segment, segment.size() - 1) >> 4U;
    const unsigned low = byte_at(segment, segment.size() - 1) & 0xFU;
    if (progressive_ ? !is_part(count, first, last, high, low)
                     : first != 0 || last != kLastCoefficient || high != 0 || low != 0) {
      return false;
    }
    std::bitset<256> ids;
    for (std::size_t i = 1; i + 3 < segment.size(); i += 2) {
      const Component* const component = find(byte_at(segment, i));
      const unsigned dc = byte_at(segment, i + 1) >> 4U;
      const unsigned ac = byte_at(segment, i + 1) & 0xFU;
      if (component == nullptr || ids.test(component->id) ||
          !quantization_.test(component->table) || dc >= kTables || ac >= kTables ||
          (first == 0 && high == 0 && !huffman_[0].test(dc)) ||
          (last > 0 && !huffman_[1].test(ac))) {
        return false;
      }
      ids.set(component->id);
    }
    return true;
  }

  /// Which coefficients, and which of their bits, a scan of a progressive image has.
  static bool is_part(std::size_t components, unsigned first, unsigned last, unsigned high,
                      unsigned low) {
    constexpr unsigned kMostBits = 13;
    const bool coefficients =
        first == 0 ? last == 0 : components == 1 && first <= last && last <= kLastCoefficient;
    return coefficients && low <= kMostBits && (high == 0 || high == low + 1);
  }

  /// What a scan holds, up to the marker after it.
  bool take_coded() {
    std::size_t end = 0;
    for (;;) {
      end = rest_.find(static_cast<char>(kMarker), end);
      if (end == std::string_view::npos || end + 1 >= rest_.size()) {
        return false;
      }
      const unsigned next = byte_at(rest_, end + 1);
      if (next != 0 && !(restarts_ && is_restart(next))) {
        break;
      }
      end += 2;
    }
    rest_.remove_prefix(end);
    return end > 0;
  }

  [[nodiscard]] const Component* find(unsigned id) const {
    const auto found =
        std::find_if(components_.begin(), components_.end(),
                     [id](const Component& component) { return component.id == id; });
    return found == components_.end() ? nullptr : &*found;
  }

  std::string_view rest_;
  std::uint32_t side_;
  std::vector<Component> components_;
  std::bitset<kTables> quantization_;
  std::array<std::bitset<kTables>, 2> huffman_;  ///< DC, AC
  bool progressive_ = false;
  bool restarts_ = false;
  int scans_ = 0;
};

}  // namespace

bool is_jpeg(std::string_view bytes, std::uint32_t side) {
  return Reader{bytes, side}.is_whole();
}

}  // namespace omcp_r
