# Script half of OmcpPackage.cmake: lays out the bundle's folder, zips it, and writes the registry's
# entry with the sum of what came out.

function(pages output)
  execute_process(COMMAND ${PAGES} ${ARGN} OUTPUT_FILE ${output} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(folder ${MADE}/mcpb)
file(REMOVE_RECURSE ${folder} ${BUNDLE})
file(MAKE_DIRECTORY ${folder}/server)
pages(${folder}/manifest.json bundle ${MADE}/manifest.template.json)
configure_file(${SOURCES}/icon.png ${folder}/icon.png COPYONLY)
configure_file(${SOURCES}/launch.js ${folder}/server/launch.js COPYONLY)
configure_file(${NOTICES} ${folder}/server/notices.txt COPYONLY)
configure_file(${PROGRAM} ${folder}/server/omcp-r-sandbox COPYONLY)
# The modes travel in the zip: a program that lost its own is not started.
file(CHMOD ${folder}/manifest.json ${folder}/icon.png ${folder}/server/notices.txt
     PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(CHMOD ${folder}/server/launch.js ${folder}/server/omcp-r-sandbox
     PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
execute_process(
  COMMAND ${CMAKE_COMMAND} -E tar cf ${BUNDLE} --format=zip -- manifest.json icon.png
          server/launch.js server/notices.txt server/omcp-r-sandbox
  WORKING_DIRECTORY ${folder} COMMAND_ERROR_IS_FATAL ANY)
file(SHA256 ${BUNDLE} sum)
pages(${ENTRY} registry ${MADE}/server.template.json ${sum})
