// A .env file may be anything that lies about under that name.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "omcp_r/app/dotenv.hpp"
#include "omcp_r/app/values.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& entry : omcp_r::app::parse_dotenv(text).entries) {
    if (entry.name.empty() || entry.line < 1) std::abort();
    if (entry.value.size() > omcp_r::app::kDotenvLineBytes) std::abort();
    omcp_r::app::parse_size(entry.value);
    omcp_r::app::shown(entry.value);
  }
  return 0;
}
