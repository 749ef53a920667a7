# All that is published, by one target: cmake --build build --target artefacts. It leaves in
# build/artefacts the Debian package, the static program, the MCP bundle and the registry's entry.
# tests/packaging/run.sh checks each. The version is the project's, and nobody else states it; the
# name in the MCP registry is that of the image's label.

set(sources ${PROJECT_SOURCE_DIR}/cmake/packaging)
set(made ${PROJECT_BINARY_DIR}/packaging)
set(artefacts ${PROJECT_BINARY_DIR}/artefacts)

file(STRINGS ${PROJECT_SOURCE_DIR}/docker/Dockerfile label
     REGEX "io\\.modelcontextprotocol\\.server\\.name=")
if(NOT label MATCHES "\"(io\\.github\\.([^/\"]+)/([^/\"]+))\"")
  message(FATAL_ERROR "docker/Dockerfile has no label with the server's name for the MCP registry.")
endif()
set(OMCP_SERVER_NAME ${CMAKE_MATCH_1})
set(OMCP_OWNER ${CMAKE_MATCH_2})
set(OMCP_REPOSITORY https://github.com/${CMAKE_MATCH_2}/${CMAKE_MATCH_3})
set(OMCP_IMAGE ghcr.io/${CMAKE_MATCH_2}/${CMAKE_MATCH_3}:${PROJECT_VERSION})
set(OMCP_BUNDLE ${PROJECT_NAME}-${PROJECT_VERSION}.mcpb)
set(OMCP_STATIC ${PROJECT_NAME}-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${PROJECT_SOURCE_DIR}/docker/Dockerfile ${PROJECT_SOURCE_DIR}/LICENSE)

# --- manual page and completions, made from the table of settings --------------------------------

# omcp_page(FILE KIND): FILE in build/packaging holds what omcp_pages prints of KIND.
function(omcp_page file kind)
  add_custom_command(
    OUTPUT ${made}/${file}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
    COMMAND omcp_pages ${kind} > ${made}/${file}
    DEPENDS omcp_pages VERBATIM)
endfunction()

omcp_page(omcp-r-sandbox.1 man)
omcp_page(omcp-r-sandbox.bash bash)
omcp_page(_omcp-r-sandbox zsh)
omcp_page(omcp-r-sandbox.fish fish)
add_custom_command(
  OUTPUT ${made}/omcp-r-sandbox.1.gz
  COMMAND gzip -9nc ${made}/omcp-r-sandbox.1 > ${made}/omcp-r-sandbox.1.gz
  DEPENDS ${made}/omcp-r-sandbox.1 VERBATIM)
add_custom_target(pages ALL DEPENDS ${made}/omcp-r-sandbox.1.gz ${made}/omcp-r-sandbox.bash
                                    ${made}/_omcp-r-sandbox ${made}/omcp-r-sandbox.fish)

install(FILES ${made}/omcp-r-sandbox.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/omcp-r-sandbox.bash RENAME omcp-r-sandbox
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
# Debian keeps the usual places of these two for the machine's administrator.
install(FILES ${made}/_omcp-r-sandbox DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions
        COMPONENT usual)
install(FILES ${made}/_omcp-r-sandbox DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
        COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${made}/omcp-r-sandbox.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/completions
        COMPONENT usual)
install(FILES ${made}/omcp-r-sandbox.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
        COMPONENT debian EXCLUDE_FROM_ALL)

# --- the Debian package ----------------------------------------------------------------------------

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT
    "${PROJECT_NAME} contributors <${OMCP_OWNER}@users.noreply.github.com>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${artefacts})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_CMAKE_PROJECTS
    "${PROJECT_BINARY_DIR};${PROJECT_NAME};Unspecified;/;${PROJECT_BINARY_DIR};${PROJECT_NAME};debian;/")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE ${OMCP_REPOSITORY})
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "docker.io | docker-ce | docker-cli")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"An MCP server that lets a language model run R, without letting R near
your files or your network. Each sandbox is a container without network,
with a read-only root, no capabilities and limits on memory, processors,
processes and files. The model gets back what an R console would have
shown, plots included.

It needs a Docker engine, here or elsewhere, and an image with R.")

file(STRINGS ${PROJECT_SOURCE_DIR}/LICENSE license)
list(FILTER license INCLUDE REGEX "^Copyright ")
string(REPLACE "Copyright (c) " "" OMCP_COPYRIGHT "${license}")
file(READ ${PROJECT_SOURCE_DIR}/LICENSE license)
string(REGEX REPLACE "^.*\n(Permission is)" "\\1" license "${license}")
string(STRIP "${license}" license)
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " OMCP_LICENSE_TEXT " ${license}")
string(TIMESTAMP OMCP_PACKAGED_AT "%a, %d %b %Y %H:%M:%S +0000" UTC)  # or of SOURCE_DATE_EPOCH
configure_file(${sources}/debian/copyright.in ${made}/copyright @ONLY)
configure_file(${sources}/debian/changelog.in ${made}/changelog.Debian @ONLY)
add_custom_command(
  OUTPUT ${made}/changelog.gz ${made}/changelog.Debian.gz
  COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md > ${made}/changelog.gz
  COMMAND gzip -9nc ${made}/changelog.Debian > ${made}/changelog.Debian.gz
  DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${made}/changelog.Debian VERBATIM)
install(FILES ${made}/copyright ${made}/changelog.gz ${made}/changelog.Debian.gz
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT debian EXCLUDE_FROM_ALL)
include(CPack)

add_custom_target(artefact-deb
  COMMAND ${CMAKE_CPACK_COMMAND} --config ${PROJECT_BINARY_DIR}/CPackConfig.cmake
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${artefacts}/_CPack_Packages
  DEPENDS omcp-r-sandbox pages ${made}/changelog.gz ${made}/changelog.Debian.gz
  COMMENT "Packing the Debian package" VERBATIM)

# --- the static program, the bundle and the registry's entry --------------------------------------

add_custom_command(
  OUTPUT ${artefacts}/${OMCP_STATIC}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${artefacts}
  COMMAND ${CMAKE_STRIP} -o ${artefacts}/${OMCP_STATIC} $<TARGET_FILE:omcp-r-sandbox-static>
  DEPENDS omcp-r-sandbox-static VERBATIM)

# What is linked into a program comes with its notices.
set(OMCP_NOTICES ${artefacts}/${OMCP_STATIC}.notices.txt)
add_custom_command(
  OUTPUT ${OMCP_NOTICES}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${OMCP_NOTICES} -DDOCUMENTS=/usr/share/doc
          -P ${sources}/notices.cmake
  DEPENDS ${sources}/notices.cmake VERBATIM)

configure_file(${sources}/mcpb/manifest.json.in ${made}/manifest.template.json @ONLY)
configure_file(${sources}/server.json.in ${made}/server.template.json @ONLY)
add_custom_command(
  OUTPUT ${artefacts}/${OMCP_BUNDLE} ${artefacts}/server.json
  COMMAND ${CMAKE_COMMAND}
          -DPAGES=$<TARGET_FILE:omcp_pages> -DSOURCES=${sources}/mcpb -DMADE=${made}
          -DPROGRAM=${artefacts}/${OMCP_STATIC} -DBUNDLE=${artefacts}/${OMCP_BUNDLE}
          -DNOTICES=${OMCP_NOTICES} -DENTRY=${artefacts}/server.json -P ${sources}/mcpb/bundle.cmake
  DEPENDS omcp_pages ${artefacts}/${OMCP_STATIC} ${OMCP_NOTICES} ${made}/manifest.template.json
          ${made}/server.template.json ${sources}/mcpb/bundle.cmake ${sources}/mcpb/launch.js
          ${sources}/mcpb/icon.png
  COMMENT "Packing the MCP bundle" VERBATIM)

add_custom_target(artefacts DEPENDS artefact-deb ${artefacts}/${OMCP_STATIC} ${OMCP_NOTICES}
                                    ${artefacts}/${OMCP_BUNDLE} ${artefacts}/server.json)

# The server's image under its published name, which is not one of the artefacts: it needs an engine.
# OMCP_BASE_IMAGE is for where Debian's cannot be pulled.
set(OMCP_BASE_IMAGE debian:trixie-slim CACHE STRING "What the server's image is made from")
add_custom_target(server-image
  COMMAND docker build --build-arg VERSION=${PROJECT_VERSION}
          --build-arg BASE_IMAGE=${OMCP_BASE_IMAGE} -t ${OMCP_IMAGE}
          -f ${PROJECT_SOURCE_DIR}/docker/Dockerfile ${PROJECT_SOURCE_DIR}
  COMMENT "Building the server's image ${OMCP_IMAGE}" USES_TERMINAL VERBATIM)
