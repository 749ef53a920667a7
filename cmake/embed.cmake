# Script half of OmcpEmbed.cmake. Bytes go out as an array: no literal length limit, no escapes.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)"
       "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <string_view>
namespace omcp_r::embedded {
namespace {
constexpr unsigned char kBytes[] = {
${bytes}};
}  // namespace
extern const std::string_view ${SYMBOL};
const std::string_view ${SYMBOL}{reinterpret_cast<const char*>(kBytes), sizeof kBytes};
}  // namespace omcp_r::embedded
")
