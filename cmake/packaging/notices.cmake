# Script half of OmcpPackage.cmake: writes OUTPUT, the licences of what the static program has in it, as
# the packages state them that it was built from.
set(libraries libboost1 libc6-dev libcli11-dev libedit-dev libbsd-dev libfmt-dev libmd-dev libncurses-dev
              libspdlog-dev libstdc nlohmann-json3-dev)
file(WRITE ${OUTPUT} "omcp-r-sandbox is MIT-licensed (LICENSE). The static program also holds the following.\n")
foreach(library IN LISTS libraries)
  # The names of some have a version in them.
  file(GLOB found ${DOCUMENTS}/${library}*/copyright)
  list(FILTER found INCLUDE REGEX "/[a-z0-9.+-]*-dev/copyright$")
  if(NOT found)
    message(WARNING "No ${DOCUMENTS}/${library}*/copyright: the notices lack its licence")
    continue()
  endif()
  list(GET found 0 first)
  file(READ ${first} text)
  if(library STREQUAL libboost1)  # the headers alone, of all that the package is about
    string(FIND "${text}" "Boost Software License - Version 1.0" start)
    string(SUBSTRING "${text}" ${start} -1 text)
    string(FIND "${text}" "DEALINGS IN THE SOFTWARE." size)
    math(EXPR size "${size} + 25")
    string(SUBSTRING "${text}" 0 ${size} text)
  endif()
  get_filename_component(package ${first} DIRECTORY)
  get_filename_component(package ${package} NAME)
  file(APPEND ${OUTPUT} "\n==== ${package}\n\n${text}")
endforeach()
