# prophet_embed(VARIABLE HEADER FUNCTION FILES...): sets VARIABLE to a generated source that defines FUNCTION, declared in
# HEADER, over the bytes of FILES.
set(PROPHET_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/EmbedData.cmake)

function(prophet_embed variable header function)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp)
  string(REPLACE ";" "," files "${ARGN}")
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DHEADER=${header} -DFUNCTION=${function} -DFILES=${files}
            -P ${PROPHET_EMBED_SCRIPT}
    DEPENDS ${ARGN} ${PROPHET_EMBED_SCRIPT}
    COMMENT "Embedding the files of ${function}()"
    VERBATIM)
  set(${variable} ${output} PARENT_SCOPE)
endfunction()
