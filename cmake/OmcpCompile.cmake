# Compile settings as targets, linked PRIVATE: nothing here is global.

add_library(omcp_warnings INTERFACE)
target_compile_options(omcp_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${OMCP_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Sees overlaps in every std::string "literal" + text: https://gcc.gnu.org/PR105651
  target_compile_options(omcp_warnings INTERFACE -Wno-restrict)
endif()
if(OMCP_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Takes a source that another one includes for a header.
  target_compile_options(omcp_warnings INTERFACE -Wno-subobject-linkage)
endif()

add_library(omcp_hardening INTERFACE)
target_compile_options(omcp_hardening INTERFACE
  $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2> -fstack-protector-strong)
target_link_options(omcp_hardening INTERFACE -Wl,-z,relro,-z,now)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

add_library(omcp_sanitizers INTERFACE)
if(OMCP_SANITIZE)
  target_compile_options(omcp_sanitizers INTERFACE
    -fsanitize=${OMCP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(omcp_sanitizers INTERFACE -fsanitize=${OMCP_SANITIZE})
  if(OMCP_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Its marks before functions break clang 14's coroutines ("difference across sections").
    target_compile_options(omcp_sanitizers INTERFACE -fno-sanitize=function)
  endif()
  if(OMCP_SANITIZE MATCHES "thread")
    # Asio's fences only; the program has one thread.
    target_compile_options(omcp_sanitizers INTERFACE -Wno-error=tsan)
  endif()
endif()

# For code of tests, linked after omcp_sanitizers: without the checks of UBSan that stand before each access
# to memory, which ASan looks at as well. With them tests take half as long again to compile.
add_library(omcp_sanitized_less INTERFACE)
if(OMCP_SANITIZE MATCHES "undefined")
  target_compile_options(omcp_sanitized_less INTERFACE -fno-sanitize=null,alignment,vptr,object-size)
endif()

# omcp_floor(NAME SOURCES... ): one static library a floor, so that the link graph keeps the floors
# apart: what a floor does not link, it cannot include.
function(omcp_floor name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(omcp_${name} STATIC ${ARG_SOURCES})
  target_include_directories(omcp_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(omcp_${name} PUBLIC ${ARG_LINKS}
                        PRIVATE omcp_warnings omcp_hardening omcp_sanitizers)
  target_compile_definitions(omcp_${name} PUBLIC BOOST_ASIO_NO_DEPRECATED)
endfunction()
