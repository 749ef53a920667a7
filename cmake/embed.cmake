# Script half of OmcpEmbed.cmake. Bytes go out as an array: no literal length limit, no escapes.
string(REPLACE "|" ";" inputs "${INPUTS}")
set(hex "")
foreach(input IN LISTS inputs)
  file(READ ${input} text)
  string(REGEX REPLACE "\n *#[^\n]*" "" text "\n${text}")
  string(HEX "${text}" one)
  string(APPEND hex "${one}")
endforeach()
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
if(size GREATER LIMIT)
  message(FATAL_ERROR "The text of ${SYMBOL} has ${size} bytes, and ${LIMIT} is the most that fits "
                      "into one argument of the sandbox: shorten ${inputs}.")
endif()
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
