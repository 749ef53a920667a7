// The .env parser: any bytes will do.

#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "omcp_r/app/dotenv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = omcp_r::app::parse_dotenv({reinterpret_cast<const char*>(data), size});
  std::size_t bytes = 0;
  for (const auto& entry : read.entries) {
    FUZZ_CHECK(!entry.name.empty());
    FUZZ_CHECK(entry.line > 0);
    bytes += entry.name.size() + entry.value.size();
  }
  FUZZ_CHECK(bytes <= size);
  for (const auto& problem : read.problems) {
    FUZZ_CHECK(problem.line > 0);
    FUZZ_CHECK(!problem.text.empty());
  }
  return 0;
}
