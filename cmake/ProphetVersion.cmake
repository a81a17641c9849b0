# The commit and the dirty flag stand in every result, so they are read at build time, not at configure time.
add_custom_target(prophet_git_version
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${PROJECT_BINARY_DIR}/generated/prophet_git.inc
          -P ${PROJECT_SOURCE_DIR}/cmake/WriteGitVersion.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/generated/prophet_git.inc
  VERBATIM)
