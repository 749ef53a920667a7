# omcp_embed(OUT_VAR SYMBOL FILES...): makes a .cpp that defines `const std::string_view SYMBOL` with
# the bytes of FILES, one after the other, but for lines that are a comment. The text travels as one
# argument, of which the kernel takes 131,072 bytes, so the build fails where it is over 120,000. The pipe that it goes through is written by a process of its own.
function(omcp_embed out_var symbol)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${symbol}.cpp)
  set(inputs ${ARGN})
  list(TRANSFORM inputs PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(JOIN inputs "|" joined)  # a list does not survive a command line
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUTS=${joined} -DOUTPUT=${output} -DSYMBOL=${symbol} -DLIMIT=120000
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  # clang-tidy reads what is compiled together, without building anything.
  set_source_files_properties(${output} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set(${out_var} ${output} PARENT_SCOPE)
endfunction()
