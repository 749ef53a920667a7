# cmake -DHERE=<this folder> -DSCRATCH=<folder> -P planted_test.cmake: plants violations, one at a
# time, in a small tree that is else in order, and expects check_layers.cmake to name each of them.
cmake_minimum_required(VERSION 3.25)

function(expect result message file text)
  file(REMOVE_RECURSE ${SCRATCH})
  file(WRITE ${SCRATCH}/src/sandbox/channel.cpp
       "#include \"omcp_r/engine/engine.hpp\"\n#include \"frames.hpp\"\n// docker, label\n"
       "/* a cgroup,\n * SIGINT */ int available;\n")
  file(WRITE ${SCRATCH}/src/sandbox/frames.hpp "#include <boost/asio/post.hpp>\n")
  file(WRITE ${SCRATCH}/src/process/child.cpp "#include <boost/process/v2/process.hpp>\n")
  file(WRITE ${SCRATCH}/src/app/commands/commands.hpp "#include <string>\n")
  file(WRITE ${SCRATCH}/src/app/main.cpp "#include \"commands/commands.hpp\"\n")
  file(APPEND ${SCRATCH}/${file} "${text}\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${SCRATCH} -P ${HERE}/check_layers.cmake
                  RESULT_VARIABLE status ERROR_VARIABLE errors OUTPUT_QUIET)
  string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
  string(FIND "${errors}" "${message}" place)
  if((result STREQUAL "passes" AND NOT status EQUAL 0) OR
     (result STREQUAL "fails" AND (status EQUAL 0 OR place EQUAL -1)))
    message(SEND_ERROR "${text} in ${file} should have: ${result} ${message}\n${errors}")
  endif()
endfunction()

expect(passes "" src/sandbox/channel.cpp "// nothing")
expect(fails "base must not include omcp_r/rpc/message.hpp"
       src/base/text.cpp "#include \"omcp_r/rpc/message.hpp\"")
expect(fails "mcp must not include omcp_r/sandbox/wire.hpp"
       include/omcp_r/mcp/server.hpp "#include <omcp_r/sandbox/wire.hpp>")
expect(fails "sandbox must not include omcp_r/process/child.hpp"
       src/sandbox/channel.cpp "  #  include \"omcp_r/process/child.hpp\"")
expect(fails "tools must not include omcp_r/engine/engine.hpp"
       src/tools/a.cpp "#include \"omcp_r/engine/engine.hpp\"")
expect(fails "missing.hpp is not in src/rpc" src/rpc/a.cpp "#include \"missing.hpp\"")
expect(fails "../sandbox/frames.hpp is not in src/rpc"
       src/rpc/a.cpp "#include \"../sandbox/frames.hpp\"")
expect(fails "a public header must not include frames.hpp"
       include/omcp_r/sandbox/a.hpp "#include \"frames.hpp\"")
expect(fails "only src/process may include boost/process/v2.hpp"
       src/engine/a.cpp "#include <boost/process/v2.hpp>")
expect(fails "only main.cpp, pages and other commands may include commands/commands.hpp"
       src/app/help.cpp "#include \"commands/commands.hpp\"")
expect(fails "must not know \"docker\"" include/omcp_r/sandbox/a.hpp "const char* a = \"docker ps\";")
expect(fails "must not know \"label\"" src/sandbox/a.cpp "int spare_label;  // a comment")
expect(fails "must not know \"sigint\"" src/sandbox/a.cpp "kill(1, SIGINT)")
expect(fails "must not know \"cgroup\"" src/sandbox/a.cpp "/* one */ Cgroup a; /* two */")
file(REMOVE_RECURSE ${SCRATCH})
