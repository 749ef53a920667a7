// The reader of a tool's arguments: any JSON object.

#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "omcp_r/rpc/json_text.hpp"
#include "omcp_r/tools/arguments.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace omcp_r;
  const auto parsed = rpc::parse_json({reinterpret_cast<const char*>(data), size});
  if (!parsed.problem.empty() || !parsed.value.is_object()) {
    return 0;
  }
  tools::ArgumentReader reader{parsed.value};
  reader.required_text("sandbox_id");
  reader.text("code");
  const auto timeout = reader.integer("timeout", 1, 3600);
  FUZZ_CHECK(!timeout || (*timeout >= 1 && *timeout <= 3600));
  const auto cpus = reader.number("cpus", 0.1, 4);
  FUZZ_CHECK(!cpus || (*cpus >= 0.1 && *cpus <= 4));
  reader.flag("force", false);
  reader.raw("files");
  const auto status = reader.finish();
  FUZZ_CHECK(status.ok() || !status.error().message.empty());
  return 0;
}
