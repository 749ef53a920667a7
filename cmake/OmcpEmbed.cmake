# omcp_embed(OUT_VAR SYMBOL FILE): makes a .cpp that defines `const std::string_view SYMBOL` with the
# bytes of FILE. Comment lines and indentation are kept out of nothing: what is tested is what runs.
function(omcp_embed out_var symbol file)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${symbol}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_CURRENT_SOURCE_DIR}/${file} -DOUTPUT=${output}
            -DSYMBOL=${symbol} -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  set(${out_var} ${output} PARENT_SCOPE)
endfunction()
