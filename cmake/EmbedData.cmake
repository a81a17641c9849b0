# Turns data files into one C++ source that holds their bytes, so that no path is needed at run time. Run as a script:
# -DOUTPUT=file.cpp -DHEADER=header -DFUNCTION=name -DFILES="a.json,b.json". HEADER declares the function FUNCTION, which
# gives the files as EmbeddedFile in that order; a file's stem is its name.
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
foreach(file IN LISTS FILES)
  get_filename_component(stem ${file} NAME_WLE)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(MAKE_C_IDENTIFIER ${stem} symbol)
  string(APPEND arrays "constexpr char ${symbol}[] = {${bytes}'\\0'};\n")
  string(APPEND entries "    EmbeddedFile{\"${stem}\", {${symbol}, sizeof(${symbol}) - 1}},\n")
endforeach()
file(WRITE ${OUTPUT}
"#include \"${HEADER}\"

namespace prophet {
namespace {

${arrays}
constexpr EmbeddedFile files[] = {
${entries}};

}  // namespace

std::span<const EmbeddedFile> ${FUNCTION}() noexcept { return files; }

}  // namespace prophet
")
